import type { JsonValue } from '@muster/contracts';
import type { CommandStatus } from '@muster/contracts/commands/requests';
import type { Projection, RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import { sizeOf } from './acceptable-payload.js';
import type { CommandEvent } from './command-queue.events.js';
import { queueOf } from './names.js';

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
