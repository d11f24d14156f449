/**
 * Events per second of the simulator on one core, into a sink that throws everything away.
 *
 *     npm run bench -- simulator [users=20000] [days=30] [songs=20000]
 */
import { simulate } from '../src/simulator/index.ts';
import { median, report } from './results.ts';

const [users = 20_000, days = 30, songs = 20_000] = process.argv.slice(2).map(Number);
const to = new Date(Date.UTC(2018, 10, 1) + days * 86_400_000).toISOString().slice(0, 10);

for (const defects of ['none', 'all'] as const) {
  const rates: number[] = [];
  let line = '';
  for (let round = 0; round < 3; round++) {
    let bytes = 0;
    let logsFrom = 0;
    const start = performance.now();
    const truth = await simulate(
      {
        seed: 7,
        users,
        songs,
        from: '2018-11-01',
        to,
        defects,
        onProgress: ({ phase }) => {
          if (phase === 'songs') logsFrom = performance.now();
        },
      },
      {
        write: async (_key, content) => {
          bytes += content.length;
        },
      },
    );
    const end = performance.now();
    const events = truth.records.events.read;
    rates.push((events * 1000) / (end - start));
    line = `${events} events, ${truth.tables.songplays} plays, ${(bytes / 1e6).toFixed(0)} MB; all ${((end - start) / 1000).toFixed(2)} s, logs ${((end - logsFrom) / 1000).toFixed(2)} s`;
  }
  const rss = process.resourceUsage().maxRSS / 1024;
  report([
    {
      measure: `simulator, events per second (defects: ${defects})`,
      goal: '≥ 200,000',
      value: median(rates),
      unit: '',
      detail: `${line}; peak RSS ${rss.toFixed(0)} MB`,
    },
  ]);
}
