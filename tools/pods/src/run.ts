import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Places } from './places.js';

/** The end of what a program wrote is told when it fails. */
const TOLD_CHARACTERS = 3_000;

type Manner = {
  /** Its output goes there, too, while it runs. */
  readonly log?: string;
  readonly environment?: NodeJS.ProcessEnv;
};

/** Runs a program to its end and resolves with its stdout; rejects with the end of what it wrote when it fails. */
export const run = async (program: string, args: readonly string[], manner: Manner = {}): Promise<string> => {
  // Whoever kills this process means what it runs, too.
  const child = spawn('setpriv', ['--pdeathsig', 'SIGKILL', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: manner.environment ?? process.env,
  });
  const log = manner.log === undefined ? undefined : createWriteStream(manner.log, { flags: 'a' });
  let stdout = '';
  let all = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    all = (all + text).slice(-TOLD_CHARACTERS);
    log?.write(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    all = (all + text).slice(-TOLD_CHARACTERS);
    log?.write(text);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  log?.end();
  if (code !== 0)
    throw new Error(
      `${[program, ...args].join(' ').slice(0, 300)} ended with ${code ?? signal ?? ''}: ${all}`,
    );
  return stdout;
};

export const podman = ({ environment }: Places, ...args: readonly string[]): Promise<string> =>
  run('podman', args, { environment });

/** Building takes a minute: who waits can read along in `.muster/pods/build.log`. */
export const buildah = ({ environment, home }: Places, ...args: readonly string[]): Promise<string> =>
  run('buildah', args, { environment, log: join(home, 'build.log') });
