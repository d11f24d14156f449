import { read } from '../../src/pipeline/column.ts';
import { type Staging, staging } from '../../src/pipeline/tables.ts';

const doc = 'test';

/** The 18 fields of a log line, as the Sparkify pipeline reads them. */
export function eventStaging(options: Partial<Pick<Staging, 'framing' | 'jsonPaths'>> = {}): Staging {
  return staging('staging_events', {
    doc,
    root: '/nowhere',
    key: ['session_id', 'item_in_session'],
    eventTime: 'ts',
    ...options,
    columns: {
      artist: read.text({ doc }),
      auth: read.text({ doc }),
      first_name: read.text({ field: 'firstName', doc }),
      gender: read.text({ doc }),
      item_in_session: read.integer({ field: 'itemInSession', required: true, min: 0, max: 1_048_575, doc }),
      last_name: read.text({ field: 'lastName', doc }),
      length: read.double({ doc }),
      level: read.text({ required: true, doc }),
      location: read.text({ doc }),
      method: read.text({ doc }),
      page: read.text({ required: true, doc }),
      registration: read.double({ doc }),
      session_id: read.integer({ field: 'sessionId', required: true, doc }),
      song: read.text({ doc }),
      status: read.integer({ doc }),
      ts: read.epochMs({ required: true, doc }),
      user_agent: read.text({ field: 'userAgent', doc }),
      user_id: read.text({ field: 'userId', integerText: true, doc }),
    },
  });
}
