import type { DefectName } from './defects.ts';
import { type LogField, printFields, stagingColumnOf } from './event-line.ts';
import type { RandomStream } from './random.ts';

/** A line that must end in quarantine, and the staging column its reason names. */
export interface SpoiledLine {
  readonly line: string;
  readonly column: string | null;
}

const INTEGERS = ['itemInSession', 'sessionId', 'status', 'ts'] as const satisfies readonly LogField[];
const TEXTS = ['auth', 'location', 'method', 'page', 'userAgent', 'userId'] as const satisfies readonly LogField[];
const REQUIRED = ['itemInSession', 'level', 'page', 'sessionId', 'ts'] as const satisfies readonly LogField[];

/** Ruins a record (its fields with their JSON text, which this may change) in the way of `kind`. */
export function spoilRecord(kind: DefectName, fields: Map<string, string>, random: RandomStream): SpoiledLine {
  const json = (field: LogField) => fields.get(field) as string;
  const print = (column: string | null = null): SpoiledLine => ({ line: printFields(fields), column });
  const replace = (field: LogField, text: string): SpoiledLine => {
    fields.set(field, text);
    return print(stagingColumnOf(field));
  };
  const insert = (characters: string): SpoiledLine => {
    const field = json('song') === 'null' ? 'auth' : 'song';
    fields.set(field, `${json(field).slice(0, -1)}${characters}"`);
    return print();
  };
  switch (kind) {
    case 'cut_line': {
      const { line } = print();
      return { line: line.slice(0, 10 + random.below(line.length - 10)), column: null };
    }
    case 'two_objects': {
      const { line } = print();
      return { line: random.chance(0.5) ? `${line} ${line}` : `${line}${line}`, column: null };
    }
    case 'nan':
      fields.set(json('length') === 'null' ? 'status' : 'length', 'NaN');
      return print();
    case 'bad_utf8':
      return insert(random.pick(['\xff', '\xc3', '\xe2\x82', '\xed\xa0\x80']));
    case 'raw_nul':
      return insert('\u0000');
    case 'escaped_nul':
      return insert('\\u0000');
    case 'lone_surrogate':
      return insert(random.pick(['\\ud83c', '\\udfb5', '\\udfb5\\ud83c']));
    case 'text_before':
      return { line: `INFO ${print().line}`, column: null };
    case 'text_after':
      return { line: `${print().line} // checked`, column: null };
    case 'not_an_object':
      return { line: random.pick(['"NextSong"', '12', 'null', '[1, 2, 3]']), column: null };
    case 'duplicate_field':
      return { line: `${print().line.slice(0, -1)},"level":"gold"}`, column: null };
    case 'fraction_for_integer': {
      const field = random.pick(INTEGERS);
      return replace(field, `${json(field)}.7`);
    }
    case 'text_for_integer': {
      const field = random.pick(INTEGERS);
      return replace(field, `"${json(field)}"`);
    }
    case 'boolean_for_integer':
      return replace(random.pick(INTEGERS), 'true');
    case 'object_for_text': {
      const field = random.pick(TEXTS);
      return replace(field, `{"value":${json(field)}}`);
    }
    case 'number_for_text':
      return replace(random.pick(TEXTS), '12');
    case 'user_id_text':
      return replace('userId', random.pick(['"abc"', '"12x"', '"1.5"', '"anna"']));
    case 'ts_out_of_range':
      return replace('ts', random.pick(['0', '12', '946684799999', '4102444800000', '253402300800000']));
    case 'session_out_of_range':
      return replace('sessionId', String(8_796_093_022_208 + Number(json('sessionId'))));
    default: {
      const field = random.pick(REQUIRED);
      fields.delete(field);
      return print(stagingColumnOf(field));
    }
  }
}
