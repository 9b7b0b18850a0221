import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { allowStatements, openDatabase, type Database, type MigrationClass } from '@muster/event-store';
import { connectBus, examineStream, type Bus } from '@muster/messaging';
import { createLogger, urlsIn } from '@muster/observability';

type Environment = Readonly<Record<string, string | undefined>>;

/** Something that is not as it should be, in words for who runs it. */
export interface Finding {
  /** Something does not work, or will not be right by itself. Otherwise: it should be looked at. */
  readonly isFault: boolean;
  readonly what: string;
  readonly advice: string;
}

export interface Checkup {
  /** In numbers, what was looked at. */
  readonly seen: readonly string[];
  readonly findings: readonly Finding[];
}

export interface CheckedService {
  readonly name: string;
  readonly schema: string;
  readonly migrations: readonly MigrationClass[];
  /** The stream of what it publishes. */
  readonly stream: string;
  /** Whether it has events, states beside them, and a relay that tells them. */
  readonly hasEvents: boolean;
  readonly streamMaxAgeHours: (env: Environment) => number;
  /** Further things of its own. */
  readonly more?: (database: Database) => Promise<readonly Finding[]>;
}

/** So long may an event wait to be told, and one before a consumer. */
const LATE_SECONDS = 60;
const BUS_WITHIN_MS = 10_000;
/** Of what a stream may hold. */
const NEARLY_FULL = 0.95;

/**
 * What `doctor` asks of a service: its tables and its stream, as they are now, whether the service runs or not. Changes
 * nothing. Throws when PostgreSQL cannot be asked at all.
 */
export const checkupOf =
  (service: CheckedService) =>
  async (env: Environment): Promise<Checkup> => {
    const { name, schema } = service;
    const url = env['MUSTER_DATABASE_URL'] ?? '';
    const database = openDatabase({ url, schema, poolSize: 1, name: `doctor ${name}` });
    try {
      const migrations = await migrationsOf(database, service);
      // Tables of another shape answer with errors that help nobody.
      if (migrations.findings.some(({ isFault }) => isFault)) return migrations;
      const parts = [
        migrations,
        ...(service.hasEvents ? [await statesOf(database, service), await relayOf(database, service)] : []),
        { seen: [], findings: (await service.more?.(database)) ?? [] },
        await streamOf(database, service, env),
      ];
      return {
        seen: parts.flatMap(({ seen }) => seen),
        findings: parts.flatMap(({ findings }) => findings),
      };
    } finally {
      await database.close();
    }
  };

const fault = (what: string, advice: string): Finding => ({ isFault: true, what, advice });
const warning = (what: string, advice: string): Finding => ({ isFault: false, what, advice });

const migrationsOf = async (database: Database, { schema, migrations }: CheckedService): Promise<Checkup> => {
  const { rows: found } = await database.query<{ there: boolean }>(
    `SELECT to_regclass($1 || '.migrations') IS NOT NULL AS there`,
    [schema],
  );
  const advice = 'Run the migrations of this version: `npm run migrate`; on Kubernetes `helm upgrade` does.';
  if (found[0]?.there !== true)
    return { seen: [], findings: [fault(`There is no schema ${schema} in this database.`, advice)] };
  const { rows } = await database.query<{ name: string }>('SELECT name FROM migrations');
  const ran = new Set(rows.map(({ name }) => name));
  const known = new Set(migrations.map(({ name }) => name));
  const missing = [...known].filter((name) => !ran.has(name));
  const newer = [...ran].filter((name) => !known.has(name));
  return {
    seen: [],
    findings: [
      ...(missing.length === 0
        ? []
        : [fault(`Did not run: ${count(missing.length, 'migration')}, ${missing.join(', ')}.`, advice)]),
      ...(newer.length === 0
        ? []
        : [
            warning(
              `The database is of a newer version: ${newer.join(', ')}.`,
              'Right after going back to this version; otherwise use the image of that version.',
            ),
          ]),
    ],
  };
};

/** Whether the state beside each stream is that after its last event. What it says is not folded again: `rebuild` does. */
const statesOf = async (database: Database, { name }: CheckedService): Promise<Checkup> => {
  const { rows } = await database.transaction(async (tx) => {
    // All events are read, by their primary key.
    await allowStatements(tx, 0);
    return tx.query<{ streams: string; events: string; wrong: string; example: string | null }>(
      `SELECT count(*) AS streams, coalesce(sum(e.events), 0) AS events,
         count(*) FILTER (WHERE s.version IS DISTINCT FROM e.version) AS wrong,
         min(coalesce(e.stream, s.stream)) FILTER (WHERE s.version IS DISTINCT FROM e.version) AS example
       FROM (SELECT tenant_id, stream, max(version) AS version, count(*) AS events FROM events GROUP BY 1, 2) e
       FULL JOIN streams s ON s.tenant_id = e.tenant_id AND s.stream = e.stream`,
    );
  });
  const { streams = '0', events = '0', wrong = '0', example } = rows[0] ?? {};
  return {
    seen: [`${events} events of ${streams} streams`],
    findings:
      wrong === '0'
        ? []
        : [
            fault(
              `The current state of ${count(Number(wrong), 'stream')} is not that of its last event, as of ${String(example)}.`,
              `\`npm run rebuild -- ${name}.current\` makes them again.`,
            ),
          ],
  };
};

const relayOf = async (database: Database, { name, schema }: CheckedService): Promise<Checkup> => {
  const { rows } = await database.query<{ waiting: string; seconds: string | null }>(
    `SELECT count(*) AS waiting, extract(epoch FROM now() - min(recorded_at)) AS seconds FROM (
       SELECT e.recorded_at FROM (SELECT txid, position, recorded_at FROM events
         UNION ALL SELECT txid, position, recorded_at FROM announcements) e
       LEFT JOIN relay_cursor c ON c.relay = $1
       WHERE c.relay IS NULL OR (e.txid, e.position) > (c.txid, c.position) LIMIT 1000000) waiting`,
    [name],
  );
  const { rows: locks } = await database.query<{ held: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0)) AS held`,
    [`muster relay ${schema}`],
  );
  const { rows: aside } = await database.query<{ aside: string }>(
    'SELECT count(*) AS aside FROM relay_parked',
  );
  const { waiting = '0', seconds } = rows[0] ?? {};
  const isLate = Number(seconds ?? 0) > LATE_SECONDS;
  const isActive = locks[0]?.held === true;
  return {
    seen: [`${waiting} to be told`],
    findings: [
      ...(isActive
        ? []
        : [
            fault(
              `No process of ${name} tells its events to the others.`,
              'Is the service ready? docs/operating.md, MusterNoRelay.',
            ),
          ]),
      ...(isLate
        ? [
            fault(
              `Not told yet: ${count(Number(waiting), 'event')} of ${name}, the oldest for ${Math.round(Number(seconds))} s.`,
              'docs/operating.md, MusterEventsLate: NATS, or a transaction that stays open.',
            ),
          ]
        : []),
      ...(Number(aside[0]?.aside ?? 0) === 0
        ? []
        : [
            warning(
              `Cannot be told, and set aside: ${count(Number(aside[0]?.aside), 'event')} of ${name}.`,
              'They are among the parked messages, with their reasons: `GET /api/v1/parked`.',
            ),
          ]),
    ],
  };
};

const streamOf = async (database: Database, service: CheckedService, env: Environment): Promise<Checkup> => {
  const bus = await openBus(env);
  if (bus === undefined)
    return {
      seen: [],
      findings: [
        fault(
          'NATS does not let us in, or does not answer.',
          'MUSTER_NATS_URL, MUSTER_NATS_CREDENTIALS_FILE; docs/operating.md, MusterBusAway.',
        ),
      ],
    };
  try {
    return await examine(database, bus, service, env);
  } finally {
    await bus.close();
  }
};

/** A bus waits for its server for as long as it takes, so whether anybody is there is asked before. */
const openBus = async (env: Environment): Promise<Bus | undefined> => {
  const url = env['MUSTER_NATS_URL'] ?? 'nats://127.0.0.1:4222';
  if (!(await somebodyListens(url))) return undefined;
  const file = env['MUSTER_NATS_CREDENTIALS_FILE'];
  const opening = connectBus({
    url,
    credentials: file === undefined || file === '' ? undefined : readFileSync(file, 'utf8'),
    name: 'doctor',
    logger: createLogger({ service: 'doctor', level: 'silent' }),
  });
  const opened = new AbortController();
  const late = pause(BUS_WITHIN_MS, undefined, { signal: opened.signal }).catch(() => undefined);
  const bus = await Promise.race([opening, late]);
  opened.abort();
  return bus;
};

const somebodyListens = async (urls: string): Promise<boolean> => {
  const answers = await Promise.all(
    urlsIn(urls).map((url) => {
      const { hostname, port } = new URL(url);
      return accepts(hostname, Number(port) || 4_222);
    }),
  );
  return answers.includes(true);
};

const accepts = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: BUS_WITHIN_MS });
    const answer = (value: boolean) => (): void => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', answer(true)).once('error', answer(false)).once('timeout', answer(false));
  });

const examine = async (
  database: Database,
  bus: Bus,
  { name, stream, hasEvents, streamMaxAgeHours }: CheckedService,
  env: Environment,
): Promise<Checkup> => {
  const found = await examineStream(bus, stream, LATE_SECONDS);
  const again = hasEvents
    ? `\`npm run rebuild -- ${name}.published\` publishes again what it would keep.`
    : '';
  if (found === undefined)
    return {
      seen: [],
      findings: [
        fault(`NATS has no stream ${stream}.`, `The service makes it when it starts. Then: ${again}`),
      ],
    };
  const hours = streamMaxAgeHours(env);
  const replicas = Number(env['MUSTER_NATS_STREAM_REPLICAS'] ?? found.replicas);
  const lost = hasEvents && found.messages === 0 ? await toldWithin(database, name, hours) : 0;
  return {
    seen: [`${found.messages} messages in ${stream}`],
    findings: [
      ...(lost === 0
        ? []
        : [
            warning(
              `${stream} is empty; within the ${hours} hours that it keeps were told: ${count(lost, 'event')}.`,
              `If NATS has lost its data: ${again}`,
            ),
          ]),
      ...(found.hasLeader
        ? []
        : [fault(`No server leads ${stream}: a majority of its servers is away.`, 'Bring them back.')]),
      ...(found.behind.length === 0
        ? []
        : [
            warning(
              `${found.behind.join(', ')} is away or behind with ${stream}.`,
              'Wait a moment; then look at that server.',
            ),
          ]),
      ...(found.replicas === replicas
        ? []
        : [
            fault(
              `${stream} is kept by ${count(found.replicas, 'server')}, and should be by ${replicas}.`,
              `Restart ${name} with MUSTER_NATS_STREAM_REPLICAS=${replicas}.`,
            ),
          ]),
      ...(found.maxAgeHours === hours
        ? []
        : [
            warning(
              `${stream} keeps ${found.maxAgeHours} hours; by the settings here it should keep ${hours}.`,
              `${name} and this command want the same settings; a restart of ${name} applies its own.`,
            ),
          ]),
      ...(found.bytes < found.maxBytes * NEARLY_FULL
        ? []
        : [
            warning(
              `${stream} is full (${found.bytes} bytes): the oldest go before their ${hours} hours, since ${String(found.oldest)}.`,
              'Integrators who read later miss them. A larger *_STREAM_MAX_BYTES of the service, if NATS has the disk.',
            ),
          ]),
      ...found.standing.map(({ consumer, messages, seconds }) =>
        fault(
          `${consumer} has ${count(messages, 'message')} of ${stream} before it and took none for ${seconds} s.`,
          'Does its service run? An integrator that is away: nothing to do. docs/operating.md, MusterConsumerStuck.',
        ),
      ),
    ],
  };
};

/** At most what counts as many. */
const toldWithin = async (database: Database, relay: string, hours: number): Promise<number> => {
  const { rows } = await database.query<{ told: string }>(
    `SELECT count(*) AS told FROM (SELECT FROM events e JOIN relay_cursor c ON c.relay = $1
       AND (e.txid, e.position) <= (c.txid, c.position)
       WHERE e.recorded_at > now() - make_interval(hours => $2) LIMIT 1000) told`,
    [relay, hours],
  );
  return Number(rows[0]?.told ?? 0);
};

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
