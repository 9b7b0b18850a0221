import { REPLY_BYTES, type Actor, type JsonValue } from '@muster/contracts';
import type {
  CommandStatus,
  CommandView,
  DueCommand,
  DueCommandsOf,
  OutstandingCommand,
} from '@muster/contracts/commands/requests';
import type { Database, Projection, RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import { sizeOf } from './acceptable-payload.js';
import type { CommandEvent } from './command-queue.events.js';
import { ALL_TYPES, commandIdOf, queueOf } from './names.js';

export interface CommandKey {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly type: string;
  readonly number: number;
}

export interface QueueKey {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly type: string;
}

interface CommandRow {
  device_id: string;
  type: string;
  number: number;
  position: string;
  status: CommandStatus;
  payload: string | null;
  created_at: Date;
  created_by: Actor;
  expires_at: Date;
  sent_at: Date | null;
  finished_at: Date | null;
  late_at: Date | null;
  status_code: number | null;
  reason_phrase: string | null;
  result: string | null;
}

interface OutstandingRow {
  tenant_id: string;
  device_id: string;
  type: string;
  number: number;
  position: string;
  payload: string | null;
  sent_at: Date | null;
  nth: string;
  fits: boolean;
}

/** All that an item says besides payload and result, generously. */
const ITEM_BYTES = 500;
const MORE_THAN_FIT = REPLY_BYTES / ITEM_BYTES + 1;

/** The rows of both tables, written in the transaction of the events. */
export const commands: Projection = {
  name: 'commands',
  handles: [
    'CommandCreated',
    'CommandExecuted',
    'CommandFailed',
    'CommandAnsweredLate',
    'CommandExpired',
    'CommandCancelled',
    'CommandsSent',
    'ObservationChanged',
  ],
  project: async (tx, recorded) => {
    const events = recorded as readonly RecordedEvent<CommandEvent>[]; // the only aggregate of this service
    await insertQueues(tx, events);
    // Created before finished also within one batch: a rebuild brings both at once.
    await insertCreated(tx, events);
    await updateSent(tx, events);
    await updateFinished(tx, events);
    await updateAnsweredLate(tx, events);
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM commands');
    await tx.query('DELETE FROM command_queues');
  },
};

const insertQueues = async (tx: pg.PoolClient, events: readonly RecordedEvent<CommandEvent>[]) => {
  const queues = new Map<string, { tenantId: string; streamId: string; observe: boolean | null }>();
  for (const event of events) {
    if (event.type !== 'CommandCreated' && event.type !== 'ObservationChanged') continue;
    const { tenantId, streamId } = event;
    const key = `${tenantId}\n${streamId}`;
    const observe = event.type === 'ObservationChanged' ? event.data.observe : queues.get(key)?.observe;
    queues.set(key, { tenantId, streamId, observe: observe ?? null });
  }
  if (queues.size === 0) return;
  const rows = [...queues.values()];
  await tx.query(
    `INSERT INTO command_queues AS q (tenant_id, device_id, type, observe)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[])
     ON CONFLICT (tenant_id, device_id, type) DO UPDATE SET observe = excluded.observe
       WHERE excluded.observe IS NOT NULL`,
    [
      rows.map((row) => row.tenantId),
      rows.map((row) => queueOf(row.streamId).deviceId),
      rows.map((row) => queueOf(row.streamId).type),
      rows.map((row) => row.observe),
    ],
  );
};

const insertCreated = async (tx: pg.PoolClient, events: readonly RecordedEvent<CommandEvent>[]) => {
  const rows = events.flatMap((event) =>
    event.type === 'CommandCreated' ? [{ event, ...queueOf(event.streamId), ...event.data }] : [],
  );
  if (rows.length === 0) return;
  await tx.query(
    `INSERT INTO commands (tenant_id, device_id, type, number, position, status, payload, payload_bytes,
                           created_at, created_by, expires_at)
     SELECT tenant_id, device_id, type, number, position, 'pending', payload::jsonb, bytes,
            created_at, created_by::jsonb, expires_at
     FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::text[], $7::integer[],
                 $8::timestamptz[], $9::text[], $10::timestamptz[])
       AS n (tenant_id, device_id, type, number, position, payload, bytes, created_at, created_by, expires_at)`,
    [
      rows.map(({ event }) => event.tenantId),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ type }) => type),
      rows.map(({ id }) => id),
      rows.map(({ event }) => event.position),
      rows.map(({ payload }) => (payload === undefined ? null : JSON.stringify(payload))),
      rows.map(({ payload }) => (payload === undefined ? 0 : sizeOf(payload))),
      rows.map(({ createdAt }) => createdAt),
      rows.map(({ event }) => JSON.stringify(event.metadata.actor)),
      rows.map(({ expiresAt }) => expiresAt),
    ],
  );
};

const updateSent = async (tx: pg.PoolClient, events: readonly RecordedEvent<CommandEvent>[]) => {
  const rows = events.flatMap((event) => {
    if (event.type !== 'CommandsSent') return [];
    const { ids, sentAt } = event.data;
    return ids.map((id) => ({ tenantId: event.tenantId, ...queueOf(event.streamId), id, sentAt }));
  });
  if (rows.length === 0) return;
  await tx.query(
    `UPDATE commands c SET sent_at = n.sent_at
     FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[])
       AS n (tenant_id, device_id, type, number, sent_at)
     WHERE c.tenant_id = n.tenant_id AND c.device_id = n.device_id AND c.type = n.type AND c.number = n.number`,
    [
      rows.map(({ tenantId }) => tenantId),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ type }) => type),
      rows.map(({ id }) => id),
      rows.map(({ sentAt }) => sentAt),
    ],
  );
};

/** The status stays what it was; so does the time since when. */
const updateAnsweredLate = async (tx: pg.PoolClient, events: readonly RecordedEvent<CommandEvent>[]) => {
  const rows = events.flatMap((event) =>
    event.type === 'CommandAnsweredLate'
      ? [{ tenantId: event.tenantId, ...queueOf(event.streamId), ...event.data }]
      : [],
  );
  if (rows.length === 0) return;
  await tx.query(
    `UPDATE commands c SET late_at = n.late_at, status_code = n.status_code, reason_phrase = n.reason_phrase,
            result = n.result::jsonb, result_bytes = n.bytes
     FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[], $6::integer[], $7::text[],
                 $8::text[], $9::integer[])
       AS n (tenant_id, device_id, type, number, late_at, status_code, reason_phrase, result, bytes)
     WHERE c.tenant_id = n.tenant_id AND c.device_id = n.device_id AND c.type = n.type AND c.number = n.number`,
    [
      rows.map(({ tenantId }) => tenantId),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ type }) => type),
      rows.map(({ id }) => id),
      rows.map(({ answeredAt }) => answeredAt),
      rows.map(({ statusCode }) => statusCode),
      rows.map(({ reasonPhrase }) => reasonPhrase ?? null),
      rows.map(({ result }) => (result === undefined ? null : JSON.stringify(result))),
      rows.map(({ result }) => (result === undefined ? 0 : sizeOf(result))),
    ],
  );
};

interface Finished {
  readonly id: number;
  readonly status: CommandStatus;
  readonly at: string;
  readonly statusCode?: number;
  readonly reasonPhrase?: string;
  readonly result?: JsonValue;
}

const finishedBy = (event: CommandEvent): Finished | undefined => {
  switch (event.type) {
    case 'CommandExecuted':
      return { ...event.data, status: 'executed', at: event.data.answeredAt };
    case 'CommandFailed':
      return { ...event.data, status: 'failed', at: event.data.answeredAt };
    case 'CommandExpired':
      return { id: event.data.id, status: 'expired', at: event.data.expiredAt };
    case 'CommandCancelled':
      return { id: event.data.id, status: 'cancelled', at: event.data.cancelledAt };
    case 'CommandCreated':
    case 'CommandsSent':
    case 'CommandAnsweredLate':
    case 'ObservationChanged':
    case 'QueueEnded':
      return undefined;
  }
};

const updateFinished = async (tx: pg.PoolClient, events: readonly RecordedEvent<CommandEvent>[]) => {
  const rows = events.flatMap((event) => {
    const finished = finishedBy(event);
    return finished === undefined
      ? []
      : [{ tenantId: event.tenantId, ...queueOf(event.streamId), ...finished }];
  });
  if (rows.length === 0) return;
  await tx.query(
    `UPDATE commands c SET status = n.status, finished_at = n.finished_at, status_code = n.status_code,
            reason_phrase = n.reason_phrase, result = n.result::jsonb, result_bytes = n.bytes
     FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::timestamptz[], $7::integer[],
                 $8::text[], $9::text[], $10::integer[])
       AS n (tenant_id, device_id, type, number, status, finished_at, status_code, reason_phrase, result, bytes)
     WHERE c.tenant_id = n.tenant_id AND c.device_id = n.device_id AND c.type = n.type AND c.number = n.number`,
    [
      rows.map(({ tenantId }) => tenantId),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ type }) => type),
      rows.map(({ id }) => id),
      rows.map(({ status }) => status),
      rows.map(({ at }) => at),
      rows.map(({ statusCode }) => statusCode ?? null),
      rows.map(({ reasonPhrase }) => reasonPhrase ?? null),
      rows.map(({ result }) => (result === undefined ? null : JSON.stringify(result))),
      rows.map(({ result }) => (result === undefined ? 0 : sizeOf(result))),
    ],
  );
};

/** The queries. All take the time: a pending command past its expiry reads as expired, whether or not that was recorded. */
export class CommandTable {
  constructor(private readonly database: Database) {}

  async find({ tenantId, deviceId, type, number }: CommandKey, at: Date): Promise<CommandView | undefined> {
    const { rows } = await this.database.query<CommandRow>({
      name: 'find-command',
      text: `SELECT ${columns('$5')} FROM commands
             WHERE tenant_id = $1 AND device_id = $2 AND type = $3 AND number = $4`,
      values: [tenantId, deviceId, type, number, at],
    });
    return rows[0] === undefined ? undefined : viewOf(rows[0]);
  }

  /** Newest first. `before`: position of the last command of the page before. */
  async list(
    device: { readonly tenantId: string; readonly deviceId: string },
    filter: {
      readonly status: CommandStatus | undefined;
      readonly type: string | undefined;
      readonly before: number | undefined;
      readonly limit: number;
    },
    at: Date,
  ): Promise<{ items: CommandView[]; before: number | undefined }> {
    const { rows } = await this.database.query<CommandRow & { fits: boolean }>(
      `SELECT ${columns('$7', 'fits')}, fits
       FROM (
         SELECT *, row_number() OVER page = 1
                OR (row_number() OVER page <= $6
                    AND sum(payload_bytes + result_bytes + ${ITEM_BYTES}) OVER page <= ${REPLY_BYTES}) AS fits
         FROM (
           SELECT * FROM commands
           WHERE tenant_id = $1 AND device_id = $2 AND ($3::text IS NULL OR ${status('$7')} = $3)
             AND ($4::text IS NULL OR type = $4) AND ($5::bigint IS NULL OR position < $5)
           ORDER BY position DESC LIMIT $6::integer + 1
         ) AS newest WINDOW page AS (ORDER BY position DESC)
       ) AS page ORDER BY position DESC`,
      [
        device.tenantId,
        device.deviceId,
        filter.status ?? null,
        filter.type ?? null,
        filter.before ?? null,
        filter.limit,
        at,
      ],
    );
    const page = rows.filter(({ fits }) => fits);
    const last = page.at(-1);
    return {
      items: page.map(viewOf),
      before: page.length === rows.length || last === undefined ? undefined : Number(last.position),
    };
  }

  async count(
    { tenantId, deviceId }: { readonly tenantId: string; readonly deviceId: string },
    filter: { readonly status: CommandStatus | undefined; readonly type: string | undefined },
    at: Date,
  ): Promise<number> {
    const { rows } = await this.database.query<{ count: string }>(
      `SELECT count(*) FROM commands
       WHERE tenant_id = $1 AND device_id = $2 AND ($3::text IS NULL OR ${status('$5')} = $3)
         AND ($4::text IS NULL OR type = $4)`,
      [tenantId, deviceId, filter.status ?? null, filter.type ?? null, at],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /** What a device that asks is given, and what of it was never sent before. `type` undefined: all. */
  async outstanding(
    { tenantId, deviceId }: { readonly tenantId: string; readonly deviceId: string },
    type: string | undefined,
    at: Date,
  ): Promise<{ items: OutstandingCommand[]; truncated: boolean; unsent: OutstandingCommand[] }> {
    const rows = await this.read([{ tenantId, deviceId }], { type, all: true, unsent: false }, at);
    const given = rows.filter(({ fits }) => fits);
    return {
      items: given.map(outstandingOf),
      truncated: given.length < rows.length,
      unsent: given.filter(({ sent_at }) => sent_at === null).map(outstandingOf),
    };
  }

  /** What devices should be sent (`unsent`: for the first time), and where to go on with those whose commands did not fit. */
  async due(
    devices: readonly DueCommandsOf[],
    unsent: boolean,
    at: Date,
  ): Promise<{ items: DueCommand[]; askAgain: DueCommandsOf[] }> {
    const rows = await this.read(devices, { type: undefined, all: false, unsent }, at);
    const fitting = rows.filter(({ fits }) => fits);
    const items = fitting.map((row) => {
      const device = { tenantId: row.tenant_id, deviceId: row.device_id };
      return Object.assign(device, outstandingOf(row));
    });
    const next = rows.find(({ fits }) => !fits);
    if (next === undefined) return { items, askAgain: [] };
    const last = fitting.at(-1);
    const begun = last?.nth === next.nth ? Number(last.position) : undefined;
    const [stopped, ...others] = devices.slice(Number(next.nth) - 1);
    if (stopped === undefined || begun === undefined)
      return { items, askAgain: devices.slice(Number(next.nth) - 1) };
    const { tenantId, deviceId } = stopped;
    return { items, askAgain: [{ tenantId, deviceId, after: begun }, ...others] };
  }

  /** Streams with commands past their expiry, the longest past first. */
  async overdue(tx: pg.PoolClient, at: Date, limit: number): Promise<QueueKey[]> {
    const { rows } = await tx.query<{ tenant_id: string; device_id: string; type: string }>({
      name: 'overdue-commands',
      text: `SELECT DISTINCT tenant_id, device_id, type FROM (
               SELECT tenant_id, device_id, type FROM commands
               WHERE status = 'pending' AND expires_at <= $1 ORDER BY expires_at LIMIT $2
             ) AS overdue`,
      values: [at, limit],
    });
    return rows.map((row) => ({ tenantId: row.tenant_id, deviceId: row.device_id, type: row.type }));
  }

  /** All streams of these devices, `ALL_TYPES` included. */
  async queuesOf(
    devices: readonly { readonly tenantId: string; readonly deviceId: string }[],
  ): Promise<QueueKey[]> {
    const { rows } = await this.database.query<{ tenant_id: string; device_id: string; type: string }>(
      `SELECT tenant_id, device_id, type FROM command_queues
       WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
      [devices.map(({ tenantId }) => tenantId), devices.map(({ deviceId }) => deviceId)],
    );
    return rows.map((row) => ({ tenantId: row.tenant_id, deviceId: row.device_id, type: row.type }));
  }

  /**
   * Outstanding commands, device by device, up to some that do not `fit` into an answer; the first of all always does.
   * `all`: also those the device does not want pushed. `unsent`: only those that were not sent to anybody yet.
   */
  private async read(
    devices: readonly DueCommandsOf[],
    {
      type,
      all,
      unsent,
    }: { readonly type: string | undefined; readonly all: boolean; readonly unsent: boolean },
    at: Date,
  ): Promise<OutstandingRow[]> {
    const { rows } = await this.database.query<OutstandingRow>(
      `SELECT tenant_id, device_id, type, number, position, sent_at, nth, fits,
              CASE WHEN fits THEN payload::text END AS payload
       FROM (
         SELECT *, row_number() OVER page = 1
                OR sum(payload_bytes + ${ITEM_BYTES}) OVER page <= ${REPLY_BYTES} AS fits
         FROM (
           SELECT c.tenant_id, c.device_id, c.type, c.number, c.position, c.payload, c.payload_bytes, c.sent_at, d.nth
           FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS d (tenant_id, device_id, after, nth)
           JOIN commands c ON c.tenant_id = d.tenant_id AND c.device_id = d.device_id
           LEFT JOIN command_queues q
             ON q.tenant_id = c.tenant_id AND q.device_id = c.device_id AND q.type = c.type
           LEFT JOIN command_queues every_type
             ON every_type.tenant_id = c.tenant_id AND every_type.device_id = c.device_id AND every_type.type = $6
           WHERE c.status = 'pending' AND c.expires_at > $4 AND ($5::text IS NULL OR c.type = $5)
             AND (d.after IS NULL OR c.position > d.after)
             AND ($7::boolean OR coalesce(q.observe, every_type.observe, true))
             AND (NOT $8::boolean OR c.sent_at IS NULL)
           ORDER BY d.nth, c.position LIMIT ${MORE_THAN_FIT}
         ) AS oldest WINDOW page AS (ORDER BY nth, position)
       ) AS page ORDER BY nth, position`,
      [
        devices.map(({ tenantId }) => tenantId),
        devices.map(({ deviceId }) => deviceId),
        devices.map(({ after }) => after ?? null),
        at,
        type ?? null,
        ALL_TYPES,
        all,
        unsent,
      ],
    );
    return rows;
  }
}

/** Status of a row at the time in parameter `at`. In the table what is outstanding is `pending`, sent or not. */
const status = (at: string): string =>
  `CASE WHEN status <> 'pending' THEN status WHEN expires_at <= ${at} THEN 'expired'
        WHEN sent_at IS NOT NULL THEN 'sent' ELSE 'pending' END`;

/**
 * JSON as text: the driver gives null for both "no value" and the value null. Only where `wanted`, so that the values of
 * rows that are dropped are never read from their own pages.
 */
const columns = (at: string, wanted = 'true'): string =>
  `device_id, type, number, position, ${status(at)} AS status, created_at, created_by, expires_at, sent_at, late_at,
   CASE WHEN status = 'pending' AND expires_at <= ${at} THEN expires_at ELSE finished_at END AS finished_at,
   status_code, reason_phrase, CASE WHEN ${wanted} THEN payload::text END AS payload,
   CASE WHEN ${wanted} THEN result::text END AS result`;

const viewOf = (row: CommandRow): CommandView => ({
  id: commandIdOf(row.type, row.number),
  deviceId: row.device_id,
  type: row.type,
  number: row.number,
  status: row.status,
  ...(row.payload === null ? {} : { payload: JSON.parse(row.payload) as JsonValue }),
  createdAt: row.created_at.toISOString(),
  createdBy: row.created_by,
  expiresAt: row.expires_at.toISOString(),
  ...(row.sent_at === null ? {} : { sentAt: row.sent_at.toISOString() }),
  ...(row.finished_at === null ? {} : { finishedAt: row.finished_at.toISOString() }),
  ...(row.status_code === null ? {} : { statusCode: row.status_code }),
  ...(row.reason_phrase === null ? {} : { reasonPhrase: row.reason_phrase }),
  ...(row.result === null ? {} : { result: JSON.parse(row.result) as JsonValue }),
  ...answerTimeOf(row),
});

const answerTimeOf = ({ status_code, finished_at, late_at }: CommandRow): Partial<CommandView> => {
  if (late_at !== null) return { answeredAt: late_at.toISOString(), late: true };
  return status_code === null || finished_at === null ? {} : { answeredAt: finished_at.toISOString() };
};

const outstandingOf = (row: OutstandingRow): OutstandingCommand => ({
  type: row.type,
  id: row.number,
  ...(row.payload === null ? {} : { payload: JSON.parse(row.payload) as JsonValue }),
});
