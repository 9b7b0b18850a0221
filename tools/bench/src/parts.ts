import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { platform } from './platform.js';

/** So long a bench waits for what must become so; longer where a machine has other work. */
export const DEADLINE_SECONDS = Number(process.env['BENCH_DEADLINE_SECONDS'] ?? 180);

interface StateFile {
  readonly [part: string]: { readonly identity: { readonly pid: number } };
}

const readState = (directory = platform.directory): StateFile =>
  JSON.parse(readFileSync(resolve(directory, 'state.json'), 'utf8')) as StateFile;

/** PostgreSQL, NATS, RabbitMQ and the services; epmd only introduces Erlang nodes to each other. */
export const runningParts = (directory?: string): string[] =>
  Object.keys(readState(directory)).filter((part) => part !== 'epmd');

export const pidOf = (part: string, directory?: string): number => {
  const known = readState(directory)[part];
  if (known === undefined) throw new Error(`no ${part} runs here`);
  return known.identity.pid;
};

/** The launcher has started a part that was killed. */
export const startedAgain = (part: string, killedPid: number): Promise<void> =>
  waitFor(`${part} to be started again`, () => readState()[part] !== undefined && pidOf(part) !== killedPid);

export const waitFor = async (
  what: string,
  condition: () => boolean | Promise<boolean>,
  seconds = DEADLINE_SECONDS,
): Promise<void> => {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`);
    await delay(100);
  }
};
