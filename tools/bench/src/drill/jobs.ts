import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Job } from '../bulk.js';
import type { Counted } from '../campaign-recount.js';
import { DEADLINE_SECONDS, waitFor } from '../parts.js';
import { call } from '../platform.js';

/** Acts on many devices, one of each kind, begun together. Times are of `performance.now()`. */
export interface Round {
  readonly name: string;
  readonly began: number;
  readonly jobs: Readonly<Record<string, string>>;
  /** By the kind of job: when it was seen to have ended well. */
  readonly ended: Map<string, number>;
}

const KINDS = ['configuration', 'device-registry', 'commands'];

/** Begins a change of desired values, one of metadata and a command for all devices of a type, and watches the jobs. */
export const startRound = async (deviceType: string, name: string): Promise<Round> => {
  const target = { filter: `deviceType==${deviceType}` };
  const began = performance.now();
  const round: Round = {
    name,
    began,
    jobs: {
      configuration: await start('/configuration/bulk', { target, desired: { [name]: true } }, name),
      'device-registry': await start('/devices/bulk', { target, metadata: { [name]: true } }, name),
      commands: await start('/commands/bulk', { target, type: name, ttlSeconds: 86_400 }, name),
    },
    ended: new Map(),
  };
  return round;
};

/** Tried again with the same key: the answer of one that was accepted may have got lost. */
const start = async (path: string, body: object, name: string): Promise<string> => {
  let id: string | undefined;
  await waitFor(`${path} to be accepted`, async () => {
    id = await call<{ jobId: string }>('POST', path, body, [202], {
      'idempotency-key': `${name}-${path}`,
    }).then(
      ({ jobId }) => jobId,
      () => undefined,
    );
    return id !== undefined;
  });
  return id ?? '';
};

/** Looks until all of them have ended well. */
export const watchRound = async (round: Round): Promise<void> => {
  const deadline = performance.now() + DEADLINE_SECONDS * 1_000;
  while (round.ended.size < KINDS.length && performance.now() < deadline) {
    for (const [kind, id] of Object.entries(round.jobs)) {
      if (round.ended.has(kind)) continue;
      const job = await call<Job>('GET', `/jobs/${id}`).catch(() => undefined); // who would answer is being ended
      if (job?.status === 'success' && job.failed === 0) round.ended.set(kind, performance.now());
    }
    await delay(100);
  }
};

/** Each device has what each round did to it, once: by events, and by rows of commands. */
export const countRounds = async (
  database: pg.Client,
  rounds: readonly Round[],
  devices: number,
): Promise<Counted[]> => {
  const names = rounds.map(({ name }) => name);
  const wanted = `${devices * rounds.length} of ${devices * rounds.length}`;
  const found = async (query: string): Promise<string> => {
    const { rows } = await database.query<{ acts: number; devices: number }>(query, [names]);
    const sum = (key: 'acts' | 'devices'): number => rows.reduce((all, row) => all + row[key], 0);
    return `${sum('acts')} of ${sum('devices')}`;
  };
  const ofEvents = (schema: string): string =>
    `SELECT count(*)::integer AS acts, count(DISTINCT stream)::integer AS devices
     FROM unnest($1::text[]) AS name JOIN ${schema}.events ON strpos(data::text, '"' || name || '"') > 0
     WHERE type NOT LIKE 'Job%' GROUP BY name`;
  return [
    [
      'jobs that ended well',
      rounds.length * KINDS.length,
      rounds.reduce((all, { ended }) => all + ended.size, 0),
    ],
    ['changes of desired by jobs, of devices', wanted, await found(ofEvents('configuration'))],
    ['changes of metadata by jobs, of devices', wanted, await found(ofEvents('device_registry'))],
    [
      'commands by jobs, of devices',
      wanted,
      await found(
        `SELECT count(*)::integer AS acts, count(DISTINCT device_id)::integer AS devices FROM commands.commands
         WHERE type = ANY($1) GROUP BY type`,
      ),
    ],
  ];
};
