/**
 * A process of its own that opens a store when it is told to and says so, and then writes pools `NAME-1`, `NAME-2`, …, each
 * with an event, and says the number of each when the store has told it that it is there.
 */
import { once } from 'node:events';
import { openStore } from '../../../src/orchestrator/store/open-store.ts';

const [url = '', name = '', count = '0'] = process.argv.slice(2);
process.stdout.write('started\n');
await once(process.stdin, 'data');
const store = await openStore(url);
process.stdout.write('open\n');
for (let i = 1; i <= Number(count); i++) {
  await store.write(async (tx) => {
    await tx.run('insert into pools (name, slots, from_config) values ($1, $2, 0)', [`${name}-${i}`, i]);
    tx.emit({ type: 'clock.jumped', byMs: i });
  });
  process.stdout.write(`${i}\n`);
}
await store.close();
process.exit();
