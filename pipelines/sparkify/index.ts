import {
  chain,
  createTables,
  cron,
  definePipeline,
  group,
  loadDimension,
  loadFact,
  marker,
  publish,
  quality,
  stage,
  waitForObjects,
  z,
} from 'sparkify';
import { analyses } from './analyses.ts';
import { checks } from './checks.ts';
import { stagingEvents, stagingSongs } from './sources.ts';
import { artists, songplays, songs, time, users } from './tables.ts';

/** Activity logs and song metadata to an audited star of plays, users, songs, artists and time. */
export default definePipeline({
  name: 'sparkify',
  doc: 'Song plays of the Sparkify app: JSON logs and song metadata to an audited star schema.',
  // A day is run when it is over, and waits for its log; nothing is made of the time before it was first scheduled.
  schedule: cron('0 0 * * *'),
  deadline: '6 hours',
  defaults: { retries: { max: 3, delay: '5 minutes', factor: 1 } },
  params: z.object({
    logData: z
      .string({ error: 'name the folder or s3:// prefix of the logs ({yyyy}/{MM}/{yyyy-MM-dd}-events.json below it)' })
      .min(1),
    songData: z.string({ error: 'name the folder or s3:// prefix of the song metadata' }).min(1),
    match: z.enum(['title-artist', 'strict']).default('title-artist'),
    logJsonPaths: z.string().optional(),
  }),
  define: (params) => {
    const events = stagingEvents(params);
    const catalogue = stagingSongs(params);
    const plays = songplays(events, catalogue, params.match);
    const dimensions = [users(events), songs(catalogue), artists(catalogue), time(plays)];
    return {
      stagings: [events, catalogue],
      tables: [plays, ...dimensions],
      tasks: chain(
        marker('begin'),
        waitForObjects(events, { grace: '12 hours' }),
        createTables(),
        [stage(events), stage(catalogue)],
        loadFact(plays),
        group(
          'load_dimensions',
          dimensions.map((table) => loadDimension(table)),
        ),
        quality(checks),
        publish(),
        marker('end'),
      ),
      analyses,
    };
  },
});
