import { describe, expect, test } from 'vitest';
import { read } from '../../src/pipeline/column.ts';
import { columnRule, keepsWhatWasRead } from '../../src/pipeline/definition.ts';

const rule = (column: ReturnType<typeof read.integer>, field = 'the field') => ({ ...column, name: 'c', field });
const open = rule(read.integer({ doc: '' }));
const least = (min: number) => rule(read.integer({ doc: '', min }));
const most = (max: number) => rule(read.integer({ doc: '', max }));

describe('a changed rule of reading', () => {
  test.each([
    ['the same', least(1), least(1), true],
    ['a wider range below', least(5), least(4), true],
    ['a narrower range below', least(4), least(5), false],
    ['a first limit below', open, least(0), false],
    ['no limit below any more', least(0), open, true],
    ['a wider range above', most(5), most(6), true],
    ['a narrower range above', most(6), most(5), false],
    ['a first limit above', open, most(6), false],
    ['optional now', rule(read.integer({ doc: '', required: true })), open, true],
    ['required now', open, rule(read.integer({ doc: '', required: true })), false],
    ['another type', open, rule(read.double({ doc: '' })), false],
    ['another field', open, rule(read.integer({ doc: '' }), 'other'), false],
    ['any text', rule(read.text({ doc: '', integerText: true })), rule(read.text({ doc: '' })), true],
    ['only integers as text', rule(read.text({ doc: '' })), rule(read.text({ doc: '', integerText: true })), false],
    ['a name with blanks', rule(open, 'a integer optional b'), rule(open, 'a integer optional b'), true],
  ])('%s', (_, before, now, keeps) => {
    expect(keepsWhatWasRead(columnRule(before), now)).toBe(keeps);
  });
});
