import type { Timers } from '../../core/timers.ts';
import type { Api } from '../api.ts';
import { instanceOf } from '../tokens/instance.ts';
import { remoteApi } from './client.ts';
import { readUpFile } from './up-file.ts';

/** A running `up` of the project. */
export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  readonly api: Api;
}

/** One that is stopped takes connections and answers none. */
const ANSWER_MS = 2000;

/**
 * The server of a running `up` of this project; undefined when none runs. A file that a killed one left is seen through:
 * its process is gone, or what answers at its address is another one.
 */
export async function findServer(projectDirectory: string, timers: Timers): Promise<RunningServer | undefined> {
  const up = await readUpFile(projectDirectory);
  if (up === undefined || !isAlive(up.pid)) return undefined;
  const { url, pid, token } = up;
  try {
    // Without the token: whoever has the port by now shall not get it.
    const asked = remoteApi({ url, timers, timeoutMs: ANSWER_MS });
    const { instance } = await asked.call('getHealth');
    if (instance !== instanceOf(token)) return undefined;
    return { url, pid, api: remoteApi({ url, token, timers }) };
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
