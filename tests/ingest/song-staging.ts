import { read } from '../../src/pipeline/column.ts';
import { type Staging, staging } from '../../src/pipeline/tables.ts';

const doc = 'test';

/** The ten fields of a song file, as the Sparkify pipeline reads them. */
export function songStaging(): Staging {
  return staging('staging_songs', {
    doc,
    root: '/nowhere',
    key: ['song_id'],
    columns: {
      song_id: read.text({ required: true, doc }),
      title: read.text({ required: true, doc }),
      artist_id: read.text({ required: true, doc }),
      artist_name: read.text({ required: true, doc }),
      artist_location: read.text({ doc }),
      artist_latitude: read.double({ doc }),
      artist_longitude: read.double({ doc }),
      duration: read.double({ required: true, doc }),
      year: read.integer({ doc }),
      num_songs: read.integer({ doc }),
    },
  });
}
