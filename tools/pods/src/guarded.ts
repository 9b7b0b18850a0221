import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { unmarked, type Places } from './places.js';

/**
 * Does `work`, after which no container, pod or network of this checkout is left: however this process ends. A second
 * process, which no signal to this one reaches, waits for the end of a pipe, and a process that was killed closes its
 * pipes, too.
 */
export const guarded = async <T>(places: Places, work: () => Promise<T>): Promise<T> => {
  const log = openSync(join(places.home, 'guard.log'), 'a');
  // The lock is held as long as the guard lives: a second run would take the pods of the first for left over.
  const locked = ['--nonblock', join(places.home, 'lock')];
  const program = [process.execPath, join(import.meta.dirname, 'guard.js'), places.root];
  const guard = spawn('flock', [...locked, ...program], {
    detached: true,
    env: unmarked(process.env),
    stdio: ['pipe', 'pipe', log],
  });
  closeSync(log);
  const { stdin, stdout } = guard;
  if (stdin === null || stdout === null) throw new Error('both are pipes');
  const gone = once(guard, 'exit');
  // It says so when it has removed what an earlier run may have left.
  await Promise.race([
    once(stdout, 'data'),
    gone.then(() =>
      Promise.reject(new Error('another run of this checkout has its pods; see also .muster/pods/guard.log')),
    ),
  ]);
  try {
    return await work();
  } finally {
    stdin.end();
    await gone;
  }
};
