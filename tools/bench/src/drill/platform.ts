import { resolve } from 'node:path';
import { Replicas, type ReplicasOptions } from '@muster/launcher';
import pg from 'pg';
import { databaseUrl } from '../platform.js';
import { keepRaw } from '../raw-results.js';
import { isAsWanted } from '../campaign-recount.js';
import { markdownTable } from '../statistics.js';
import type { Outcome } from './load.js';

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** A platform for a drill: what else the benches do goes to it from now on. */
export const openDrill = async (name: string, options: ReplicasOptions = {}): Promise<Replicas> => {
  const replicas = await Replicas.open(resolve('.'), `drill-${name}`, options);
  // Its processes outlive this one: who breaks a drill off must not have to look for them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void replicas.stop().then(() => process.exit(1)));
  process.env['MUSTER_URL'] = replicas.urls.gateway;
  process.env['MUSTER_MQTT_URL'] = replicas.urls.mqtt;
  process.env['MUSTER_HTTP_URL'] = replicas.urls.httpDevices;
  process.env['MUSTER_DATABASE_URL'] = replicas.urls.database;
  process.env['MUSTER_DIRECTORY'] = replicas.directory;
  return replicas;
};

/** With the database of the drill's platform. */
export const connectDatabase = async (): Promise<pg.Client> => {
  const database = new pg.Client({ connectionString: databaseUrl() });
  database.on('error', () => undefined); // a platform may end before who counts in it
  await database.connect();
  return database;
};

/** Ends with the table of what was counted; throws with everything when something is not as it should be. */
export const verdictOf = (
  bench: string,
  tables: readonly string[],
  outcome: Outcome,
  raw: object,
): string => {
  const { counted, watched, samples } = outcome;
  const file = keepRaw(bench, {
    ...raw,
    counted,
    samples,
    course: watched.course,
    wrong: [...watched.wrong],
    unanswered: outcome.flows.map(({ kind, asked, connections }) => ({
      kind: kind.name,
      asked: asked
        .filter(({ answeredAt }) => answeredAt === undefined)
        .map(({ n, device, sentAt, acknowledgedAt }) => ({ n, device: device.id, sentAt, acknowledgedAt })),
      connections: connections.map(({ device, at, what }) => ({ device: device.id, at, what })),
    })),
  });
  const whole = [
    ...tables,
    markdownTable(
      ['counted', 'wanted', 'found'],
      counted.map((row) => row.map(String)),
    ),
    `${samples.sent} samples sent, ${samples.acknowledged} acknowledged, ${samples.stored} stored. Raw results: ${file}`,
  ].join('\n\n');
  if (counted.every(isAsWanted)) return whole;
  throw new Error(`the drill failed:\n${whole}\n\n${[...watched.wrong].join('\n')}`);
};
