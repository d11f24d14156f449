import type { SimulationTruth } from '../simulator/index.ts';
import type { SqlSession } from '../warehouse/session.ts';

/** One number of the truth, and what the warehouse says. */
export interface Compared {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

/** Compares the published star with the simulator's ground truth: rows of every table, matches, lists and hours. */
export async function compareWithTruth(session: SqlSession, truth: SimulationTruth): Promise<readonly Compared[]> {
  const one = async (sql: string): Promise<string> => {
    const [row] = await session.all<{ value: number | string }>(sql);
    return String(row?.value ?? '');
  };
  const result: Compared[] = [];
  for (const [table, rows] of Object.entries(truth.tables)) {
    result.push({
      what: table,
      expected: String(rows),
      found: await one(`select count(*) as value from ${table}`),
    });
  }
  result.push({
    what: 'plays matched to a song',
    expected: String(truth.matched.titleArtist),
    found: await one('select count(song_id) as value from songplays'),
  });
  const quarantined = truth.records.events.quarantined + truth.records.songs.quarantined;
  result.push({
    what: 'records in quarantine',
    expected: String(quarantined),
    found: await one(
      "select count(*) as value from sparkify_ledger.quarantine q join sparkify_ledger.objects o on o.object_id = q.object_id where o.state = 'live'",
    ),
  });
  const hours = await session.all<{ hour: number; plays: number }>(
    'select t.hour, count(*) as plays from songplays p join time t on t.start_time = p.start_time group by t.hour order by t.hour',
  );
  const byHour = new Array<number>(24).fill(0);
  for (const { hour, plays } of hours) byHour[hour] = plays;
  result.push({ what: 'plays by hour', expected: truth.plays.byHour.join(' '), found: byHour.join(' ') });
  const users = await session.all<{ user_id: number; plays: number }>(
    'select user_id, count(*) as plays from songplays where user_id is not null group by user_id order by plays desc, user_id limit 20',
  );
  result.push({
    what: 'top listeners',
    expected: truth.top.users.map((u) => `${u.user_id}:${u.plays}`).join(' '),
    found: users.map((u) => `${u.user_id}:${u.plays}`).join(' '),
  });
  const levels = await session.all<{ level: string; n: number }>(
    'select level, count(*) as n from users group by level order by level',
  );
  result.push({
    what: 'users by level',
    expected: `free ${truth.usersByLevel.free}, paid ${truth.usersByLevel.paid}`,
    found: ['free', 'paid'].map((l) => `${l} ${levels.find((r) => r.level === l)?.n ?? 0}`).join(', '),
  });
  return result;
}
