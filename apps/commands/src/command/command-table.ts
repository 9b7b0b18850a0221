import { setTimeout as sleep } from 'node:timers/promises';
import { REPLY_BYTES, type Actor, type JsonValue } from '@muster/contracts';
import type {
  ClaimCommands,
  CommandClaim,
  CommandDispatch,
  CommandStatus,
  CommandView,
  DueCommand,
  DueCommandsOf,
  OutstandingCommand,
} from '@muster/contracts/commands/requests';
import type { Database } from '@muster/event-store';
import type pg from 'pg';
import { ALL_TYPES, commandIdOf } from './names.js';

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

export interface OutstandingFilter {
  readonly type: string | undefined;
  /** The device may be pushed commands as well. */
  readonly isPushedTo: boolean;
  readonly pushedSince: string | undefined;
}

interface OutstandingRow {
  tenant_id: string;
  device_id: string;
  type: string;
  number: number;
  position: string;
  payload: string | null;
  sent_at: Date | null;
  expires_at: Date;
  nth: string;
  fits: boolean;
}

/** All that an item says besides payload and result, generously. */
const ITEM_BYTES = 500;
const MORE_THAN_FIT = REPLY_BYTES / ITEM_BYTES + 1;
/** What is not told by then of a command that was claimed died with who claimed it. */
const UNDER_WAY_MS = 1_000;
const STEP_MS = 10;

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

  /**
   * What a device that asks is given, and what of it was never sent before. `type` undefined: all. Where pushes reach it,
   * that is remembered (`asked_at`), and with `pushedSince` what was pushed later is left out.
   */
  async outstanding(
    { tenantId, deviceId }: { readonly tenantId: string; readonly deviceId: string },
    { type, isPushedTo, pushedSince }: OutstandingFilter,
    at: Date,
  ): Promise<{ items: OutstandingCommand[]; truncated: boolean; unsent: OutstandingCommand[] }> {
    const rows = await this.read([{ tenantId, deviceId }], { type, all: true, unsent: false }, at);
    let given = rows.filter(({ fits }) => fits);
    if (pushedSince !== undefined) {
      const device = { tenantId, deviceId, reachableAt: pushedSince };
      await this.whileUnderWay(given.map(({ type: of, number: id }) => ({ ...device, type: of, id })));
    }
    if (isPushedTo && given.length > 0) {
      const asked = await this.database.query<{ type: string; number: number }>(
        `UPDATE commands c SET asked_at = $6 FROM unnest($3::text[], $4::integer[]) AS n (type, number)
         WHERE c.tenant_id = $1 AND c.device_id = $2 AND c.type = n.type AND c.number = n.number
           AND ($5::timestamptz IS NULL OR c.pushed_at IS NULL OR c.pushed_at <= $5)
         RETURNING c.type, c.number`,
        [
          tenantId,
          deviceId,
          given.map((row) => row.type),
          given.map((row) => row.number),
          pushedSince ?? null,
          at,
        ],
      );
      const ids = new Set(asked.rows.map((row) => commandIdOf(row.type, row.number)));
      given = given.filter((row) => ids.has(commandIdOf(row.type, row.number)));
    }
    return {
      items: given.map(outstandingOf),
      truncated: rows.some(({ fits }) => !fits),
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
    return { items, askAgain: [{ ...stopped, after: begun }, ...others] };
  }

  /**
   * Which of these may be pushed now. The row is locked for the statement: of two that claim one command at the same
   * time, or of a claim and a device that asks, the second sees the first.
   */
  async claim(claims: readonly CommandClaim[], reason: ClaimCommands['reason']): Promise<boolean[]> {
    if (reason === 'reachable') await this.whileUnderWay(claims);
    const at = new Date();
    const { rows } = await this.database.query<{ nth: string }>(
      `UPDATE commands c SET pushed_at = $6, under_way_until = $8
       FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[]) WITH ORDINALITY
         AS n (tenant_id, device_id, type, number, reachable_at, nth)
       WHERE c.tenant_id = n.tenant_id AND c.device_id = n.device_id AND c.type = n.type AND c.number = n.number
         AND c.status = 'pending' AND c.expires_at > $6
         AND CASE $7
               WHEN 'changed' THEN c.sent_at IS NULL
                                   AND (c.pushed_at IS NULL OR c.pushed_at <= coalesce(n.reachable_at, 'infinity'))
               WHEN 'creation' THEN c.sent_at IS NULL AND c.pushed_at IS NULL AND c.asked_at IS NULL
               ELSE n.reachable_at IS NULL
                    OR coalesce(greatest(c.pushed_at, c.asked_at), '-infinity') <= n.reachable_at
             END
       RETURNING n.nth`,
      [...keysOf(claims), sinceOf(claims), at, reason, new Date(at.getTime() + UNDER_WAY_MS)],
    );
    const granted = new Set(rows.map(({ nth }) => Number(nth)));
    return claims.map((_, index) => granted.has(index + 1));
  }

  /**
   * What became of what was claimed. Sent to somebody, it was so when it was sent: who became reachable between the claim and
   * that has it. Where nobody was there, the next one may have it.
   */
  async settle(dispatches: readonly CommandDispatch[], at: string): Promise<void> {
    await this.database.query(
      `UPDATE commands c
       SET under_way_until = NULL, pushed_at = CASE WHEN n.sent_at IS NOT NULL THEN greatest(c.pushed_at, n.sent_at) END
       FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[])
         AS n (tenant_id, device_id, type, number, sent_at)
       WHERE c.tenant_id = n.tenant_id AND c.device_id = n.device_id AND c.type = n.type AND c.number = n.number
         AND c.pushed_at IS NOT NULL`,
      [
        ...keysOf(dispatches),
        dispatches.map(({ subscriber, at: sentAt }) => (subscriber ? (sentAt ?? at) : null)),
      ],
    );
  }

  /**
   * Who has just become reachable may be about to get what was claimed before that. Whether it does is known in a moment; who
   * decides earlier gives it twice, or not at all.
   */
  private async whileUnderWay(commands: readonly CommandClaim[]): Promise<void> {
    if (commands.length === 0) return;
    const deadline = Date.now() + UNDER_WAY_MS;
    while (Date.now() < deadline && (await this.areUnderWay(commands))) await sleep(STEP_MS);
  }

  private async areUnderWay(commands: readonly CommandClaim[]): Promise<boolean> {
    const { rowCount } = await this.database.query(
      `SELECT FROM commands c
       JOIN unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[])
         AS n (tenant_id, device_id, type, number, reachable_at) USING (tenant_id, device_id, type, number)
       WHERE c.under_way_until > $6 AND c.pushed_at <= n.reachable_at LIMIT 1`,
      [...keysOf(commands), sinceOf(commands), new Date()],
    );
    return (rowCount ?? 0) > 0;
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

  /** All rows of these devices, whose queues are erased. */
  async forget(devices: readonly { readonly tenantId: string; readonly deviceId: string }[]): Promise<void> {
    const keys = [devices.map(({ tenantId }) => tenantId), devices.map(({ deviceId }) => deviceId)];
    for (const table of ['commands', 'command_queues']) {
      await this.database.query(
        `DELETE FROM ${table} WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
        keys,
      );
    }
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
      `SELECT tenant_id, device_id, type, number, position, sent_at, expires_at, nth, fits,
              CASE WHEN fits THEN payload::text END AS payload
       FROM (
         SELECT *, row_number() OVER page = 1
                OR sum(payload_bytes + ${ITEM_BYTES}) OVER page <= ${REPLY_BYTES} AS fits
         FROM (
           SELECT c.tenant_id, c.device_id, c.type, c.number, c.position, c.payload, c.payload_bytes, c.sent_at, c.expires_at,
                  d.nth
           FROM unnest($1::text[], $2::text[], $3::bigint[], $9::timestamptz[]) WITH ORDINALITY
             AS d (tenant_id, device_id, after, reachable_at, nth)
           JOIN commands c ON c.tenant_id = d.tenant_id AND c.device_id = d.device_id
           LEFT JOIN command_queues q
             ON q.tenant_id = c.tenant_id AND q.device_id = c.device_id AND q.type = c.type
           LEFT JOIN command_queues every_type
             ON every_type.tenant_id = c.tenant_id AND every_type.device_id = c.device_id AND every_type.type = $6
           WHERE c.status = 'pending' AND c.expires_at > $4 AND ($5::text IS NULL OR c.type = $5)
             AND (d.after IS NULL OR c.position > d.after)
             AND ($7::boolean OR coalesce(q.observe, every_type.observe, true))
             AND (NOT $8::boolean OR c.sent_at IS NULL)
             AND (d.reachable_at IS NULL
                  OR coalesce(greatest(c.pushed_at, c.asked_at), '-infinity') <= d.reachable_at)
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
        devices.map(({ reachableAt }) => reachableAt ?? null),
      ],
    );
    return rows;
  }
}

/** As four arrays, for `unnest`. */
const keysOf = (commands: readonly CommandClaim[]) => [
  commands.map(({ tenantId }) => tenantId),
  commands.map(({ deviceId }) => deviceId),
  commands.map(({ type }) => type),
  commands.map(({ id }) => id),
];

const sinceOf = (claims: readonly CommandClaim[]) => claims.map(({ reachableAt }) => reachableAt ?? null);

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
  expiresAt: row.expires_at.toISOString(),
});
