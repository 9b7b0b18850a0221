import type { JsonObject } from '@muster/contracts';
import {
  VERDICTS,
  type Delivery,
  type KnownBy,
  type SupervisedDevice,
  type Verdict,
  type VerdictCounts,
  type VerdictReason,
  type VerdictReasonCode,
} from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import { MAX_TOLD_DEVICES } from '@muster/contracts/campaign-orchestrator/supervisions.published';
import type { ExpectedFrom } from '@muster/contracts/configuration/expected-from';
import type { DeviceState } from '@muster/contracts/configuration/campaign.requests';
import { sameJson } from '@muster/contracts/same-json';
import type { Database, EventStore, Queryable } from '@muster/event-store';
import type pg from 'pg';
import { VERDICTS_ANNOUNCED, type VerdictsChanged } from './supervision.published.js';
import { countReports, reportsOf, sameReports, type Reports } from './reported-values.js';
import { judge, keysOf, type Judgement } from './verdict.js';

/** A device as it comes under supervision. */
export interface WatchedDevice {
  readonly id: string;
  readonly name: string;
  readonly interface: string;
}

interface JudgedRow {
  /** Where the row lies, as long as it is locked. */
  tuple: string;
  supervision_id: string;
  device_id: string;
  interface: string;
  campaign_id: string | null;
  configurations: JsonObject;
  expected_states: JsonObject;
  expected_from: ExpectedFrom;
  opened_at: Date;
  verdict: Verdict;
  reasons: VerdictReason[];
  desired: boolean;
  delivered: Delivery;
  reported: boolean;
  known_by: KnownBy | null;
  was_valid: boolean;
  state_version: number;
  judged: boolean;
  reports: Reports;
}

interface Change {
  readonly row: JudgedRow;
  readonly stateVersion: number;
  readonly judgement: Judgement;
  readonly reported: ReturnType<typeof reportsOf>;
}

/**
 * The devices of supervisions, and what was said of them: a row each, that is judged anew whenever something of the device
 * changes. The numbers of a supervision change in the transaction of its rows.
 */
export class SupervisedDevices {
  constructor(
    private readonly database: Database,
    private readonly store: Pick<EventStore, 'announce'>,
  ) {}

  /** Again it adds nothing. */
  async add(
    tx: pg.PoolClient,
    { tenantId, supervisionId }: { readonly tenantId: string; readonly supervisionId: string },
    devices: readonly WatchedDevice[],
  ): Promise<void> {
    await tx.query(
      `WITH added AS (
         INSERT INTO supervised_devices (tenant_id, supervision_id, device_id, name, interface)
         SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING RETURNING 1)
       ${COUNT_ADDED}`,
      [
        tenantId,
        supervisionId,
        devices.map(({ id }) => id),
        devices.map(({ name }) => name),
        devices.map((device) => device.interface),
      ],
    );
  }

  /** The devices of a launch; of a revert each is held against what it gets back. Returns how many. */
  async addTargets(
    tx: pg.PoolClient,
    {
      tenantId,
      supervisionId,
      launchId,
    }: { readonly tenantId: string; readonly supervisionId: string; readonly launchId: string },
  ): Promise<number> {
    const { rows } = await tx.query<{ added: number }>(
      `WITH added AS (
         INSERT INTO supervised_devices (tenant_id, supervision_id, device_id, name, interface, configurations)
         SELECT tenant_id, $2, device_id, name, interface, own_values FROM campaign_targets
         WHERE tenant_id = $1 AND launch_id = $3 AND coalesce(reason->>'code', '') NOT IN ('device-not-found', 'incompatible')
         ON CONFLICT DO NOTHING RETURNING 1)
       ${COUNT_ADDED} RETURNING n.added`,
      [tenantId, supervisionId, launchId],
    );
    return rows[0]?.added ?? 0;
  }

  /**
   * Of these devices the ones that an open supervision watches, and all keys that those look at: what must be asked before
   * `take`.
   */
  async watched(
    tenantId: string,
    deviceIds: readonly string[],
  ): Promise<{ readonly deviceIds: readonly string[]; readonly keys: readonly string[] }> {
    const { rows } = await this.database.query<{ device_id: string; keys: string[] }>({
      // First the devices, then what watches them: joined, and planned while a supervision was still empty, it read every device
      // of the supervision for each 500.
      text: `WITH d AS MATERIALIZED (
               SELECT tenant_id, supervision_id, device_id, configurations FROM supervised_devices
               WHERE tenant_id = $1 AND device_id = ANY($2))
             SELECT d.device_id,
                    CASE WHEN d.configurations IS NULL THEN s.keys
                         ELSE s.keys || ARRAY(SELECT jsonb_object_keys(d.configurations)) END AS keys
             FROM d
             JOIN supervisions s ON s.tenant_id = d.tenant_id AND s.id = d.supervision_id AND s.status = 'open'`,
      values: [tenantId, deviceIds],
    });
    return {
      deviceIds: [...new Set(rows.map((row) => row.device_id))],
      keys: [...new Set(rows.flatMap((row) => row.keys))],
    };
  }

  /**
   * Judges these devices in every open supervision. A state older than the one they were judged by changes nothing. `keys`: what was
   * asked of the devices. Returns those that a supervision looks at by other keys, opened since then: of these nothing is known
   * of the device, and they are to be asked for again.
   */
  async take(
    tx: pg.PoolClient,
    tenantId: string,
    { states, keys }: { readonly states: readonly DeviceState[]; readonly keys: readonly string[] },
  ): Promise<readonly string[]> {
    if (states.length === 0) return [];
    const asked = new Set(keys);
    const again = new Set<string>();
    const byDevice = new Map(states.map((state) => [state.deviceId, state]));
    const { rows } = await tx.query<JudgedRow>({
      // Locked in one order by everybody, so that nobody waits in a circle. First the devices, as in `watched`.
      text: `WITH d AS MATERIALIZED (
               SELECT ctid AS tuple, * FROM supervised_devices
               WHERE tenant_id = $1 AND device_id = ANY($2)
               ORDER BY supervision_id, device_id FOR UPDATE)
             SELECT d.tuple, d.supervision_id, d.device_id, d.interface, s.campaign_id,
                    coalesce(d.configurations, s.configurations) AS configurations, s.expected_states, s.expected_from,
                    s.opened_at, d.verdict, d.reasons, d.desired, d.delivered, d.reported, d.known_by, d.was_valid,
                    d.state_version, d.since IS NOT NULL AS judged, d.reports
             FROM d
             JOIN supervisions s ON s.tenant_id = d.tenant_id AND s.id = d.supervision_id AND s.status = 'open'
             ORDER BY d.supervision_id, d.device_id`,
      values: [tenantId, states.map(({ deviceId }) => deviceId)],
    });
    const changes = rows.flatMap((row): Change[] => {
      const state = byDevice.get(row.device_id);
      if (state === undefined) return [];
      // Of a deleted device nothing comes after that.
      const stateVersion = state.ended ? ENDED_VERSION : state.version;
      if (stateVersion < row.state_version) return [];
      const own = keysOf({ configurations: row.configurations, expectedStates: row.expected_states });
      if (!own.every((key) => asked.has(key))) {
        again.add(row.device_id);
        return [];
      }
      const judgement = judgementOf(row, state);
      // A newer state with the same judgement is noted all the same: an older one that is late must find it.
      const reported = reportsOf(own, state);
      const isKnown =
        row.judged &&
        stateVersion === row.state_version &&
        isAsBefore(row, judgement) &&
        sameReports(row.reports, reported.reports);
      return isKnown ? [] : [{ row, stateVersion, judgement, reported }];
    });
    if (changes.length === 0) return [...again];
    await this.write(tx, changes);
    const supervisions = [...new Set(changes.map(({ row }) => row.supervision_id))].sort();
    for (const supervisionId of supervisions) {
      const own = changes.filter(({ row }) => row.supervision_id === supervisionId);
      const differ = own.map(({ row, reported }) => ({
        before: row.reports,
        after: reported.reports,
        values: reported.values,
      }));
      await countReports(tx, { tenantId, supervisionId }, differ);
      await this.countAndTell(tx, tenantId, supervisionId, own);
    }
    return [...again];
  }

  /** By which they come from now on. They are to be looked at again. */
  async changeInterfaces(
    tx: pg.PoolClient,
    tenantId: string,
    interfaces: ReadonlyMap<string, string>,
  ): Promise<void> {
    await tx.query(
      // Locked in the order in which everybody locks them.
      `WITH d AS MATERIALIZED (
         SELECT ctid AS tuple, device_id FROM supervised_devices
         WHERE tenant_id = $1 AND device_id = ANY($2) ORDER BY supervision_id, device_id FOR UPDATE)
       UPDATE supervised_devices s SET interface = n.interface
       FROM d JOIN unnest($2::text[], $3::text[]) AS n (device_id, interface) ON n.device_id = d.device_id
       WHERE s.ctid = d.tuple AND s.interface <> n.interface`,
      [tenantId, [...interfaces.keys()], [...interfaces.values()]],
    );
  }

  /** Devices that were not looked at yet, ascending. */
  async unjudged(tenantId: string, supervisionId: string, limit: number): Promise<string[]> {
    const { rows } = await this.database.query<{ device_id: string }>(
      `SELECT device_id FROM supervised_devices WHERE tenant_id = $1 AND supervision_id = $2 AND since IS NULL
       ORDER BY device_id LIMIT $3`,
      [tenantId, supervisionId, limit],
    );
    return rows.map((row) => row.device_id);
  }

  /** Forgets up to `most` devices of a supervision that was deleted; true: these were the last. */
  async forget(tenantId: string, supervisionId: string, most: number): Promise<boolean> {
    const { rowCount } = await this.database.query(
      `DELETE FROM supervised_devices WHERE tenant_id = $1 AND supervision_id = $2 AND device_id IN (
         SELECT device_id FROM supervised_devices WHERE tenant_id = $1 AND supervision_id = $2 LIMIT $3)`,
      [tenantId, supervisionId, most],
    );
    if ((rowCount ?? 0) === most) return false;
    for (const table of ['supervision_values', 'supervision_counts'])
      await this.database.query(`DELETE FROM ${table} WHERE tenant_id = $1 AND supervision_id = $2`, [
        tenantId,
        supervisionId,
      ]);
    return true;
  }

  /** Of rows that this transaction has locked, so that they lie where they were. */
  private async write(tx: pg.PoolClient, changes: readonly Change[]): Promise<void> {
    await tx.query({
      text: `UPDATE supervised_devices d
             SET verdict = c.verdict, reasons = c.reasons, desired = c.desired, delivered = c.delivered,
                 reported = c.reported, known_by = c.known_by, was_valid = d.was_valid OR c.verdict = 'valid',
                 state_version = c.state_version, reports = c.reports,
                 since = CASE WHEN d.verdict = c.verdict AND d.since IS NOT NULL THEN d.since ELSE now() END
             FROM jsonb_to_recordset($1::jsonb) AS c (tuple tid, verdict text, reasons jsonb, desired boolean, delivered text,
               reported boolean, known_by text, state_version integer, reports jsonb)
             WHERE d.ctid = c.tuple`,
      values: [
        JSON.stringify(
          changes.map(
            ({ row, stateVersion, judgement: { knownBy, ...judgement }, reported: { reports } }) => ({
              tuple: row.tuple,
              reports: reports ?? undefined,
              ...judgement,
              known_by: knownBy,
              state_version: stateVersion,
            }),
          ),
        ),
      ],
    });
  }

  /** Of one supervision. Others are told of verdicts that changed, not of marks. */
  private async countAndTell(
    tx: pg.PoolClient,
    tenantId: string,
    supervisionId: string,
    changes: readonly Change[],
  ): Promise<void> {
    const turned = changes.filter(({ row, judgement }) => row.verdict !== judgement.verdict);
    const judgedFirst = changes.filter(({ row }) => !row.judged).length;
    if (turned.length === 0 && judgedFirst === 0) return;
    const messages = Math.ceil(turned.length / MAX_TOLD_DEVICES);
    const difference = (verdict: Verdict): number =>
      turned.filter(({ judgement }) => judgement.verdict === verdict).length -
      turned.filter(({ row }) => row.verdict === verdict).length;
    const { rows } = await tx.query<VerdictCounts & { told: number }>({
      name: 'count-verdicts',
      text: `UPDATE supervision_counts SET pending = pending + $3, valid = valid + $4, invalid = invalid + $5,
               unknown = unknown + $6, unjudged = unjudged - $7, told = told + $8
             WHERE tenant_id = $1 AND supervision_id = $2
             RETURNING pending, valid, invalid, unknown, told`,
      values: [tenantId, supervisionId, ...VERDICTS.map(difference), judgedFirst, messages],
    });
    const [counts] = rows;
    if (counts === undefined || messages === 0) return;
    const { told, ...verdicts } = counts;
    const at = new Date().toISOString();
    const campaignId = changes[0]?.row.campaign_id ?? null;
    await this.store.announce(
      tx,
      Array.from({ length: messages }, (_none, nth) => {
        const event: VerdictsChanged = {
          type: 'VerdictsChanged',
          data: {
            supervisionId,
            at,
            ...(campaignId === null ? {} : { campaignId }),
            devices: turned
              .slice(nth * MAX_TOLD_DEVICES, (nth + 1) * MAX_TOLD_DEVICES)
              .map(({ row, judgement }) => ({
                deviceId: row.device_id,
                verdict: judgement.verdict,
                from: row.verdict,
                reasons: [...judgement.reasons],
              })),
            verdicts,
          },
        };
        return {
          tenantId,
          about: VERDICTS_ANNOUNCED,
          id: supervisionId,
          version: told - messages + nth + 1,
          event,
          metadata: { actor: { kind: 'system' as const, id: 'supervision' } },
        };
      }),
    );
  }
}

/** After all that is added: not judged yet, and so unknown. */
const COUNT_ADDED = `
  UPDATE supervision_counts SET unknown = unknown + n.added, unjudged = unjudged + n.added
  FROM (SELECT count(*)::integer AS added FROM added) n WHERE tenant_id = $1 AND supervision_id = $2`;

/** The last there can be of a device: what is read of it later says the same. */
const ENDED_VERSION = 2_147_483_647;

const judgementOf = (row: JudgedRow, state: DeviceState): Judgement =>
  judge(
    {
      configurations: row.configurations,
      expectedStates: row.expected_states,
      expectedFrom: row.expected_from,
      campaignId: row.campaign_id,
      openedAt: row.opened_at.toISOString(),
    },
    { state, fetches: row.interface === 'http', wasValid: row.was_valid },
  );

const isAsBefore = (
  row: JudgedRow,
  { verdict, reasons, desired, delivered, reported, knownBy }: Judgement,
): boolean =>
  row.verdict === verdict &&
  row.desired === desired &&
  row.delivered === delivered &&
  row.reported === reported &&
  row.known_by === knownBy &&
  sameJson(row.reasons, reasons);

interface SupervisedRow {
  device_id: string;
  name: string;
  verdict: Verdict;
  reasons: VerdictReason[];
  desired: boolean;
  delivered: Delivery;
  reported: boolean;
  known_by: KnownBy | null;
  since: Date | null;
}

export interface SupervisedFilter {
  readonly verdict: Verdict | undefined;
  readonly reason: VerdictReasonCode | undefined;
}

/** The code is one of a closed set, and stands in the text so that PostgreSQL knows the index of it. */
const whichOf = ({ verdict, reason }: SupervisedFilter): string =>
  `tenant_id = $1 AND supervision_id = $2 AND ${verdict === undefined ? '$3::text IS NULL' : 'verdict = $3'}
     ${reason === undefined ? '' : `AND reasons @> '[{"code":"${reason}"}]'`}`;

/** By the index of the reason, and not by looking at all. */
export const countSupervised = async (
  from: Queryable,
  { tenantId, supervisionId }: { readonly tenantId: string; readonly supervisionId: string },
  filter: SupervisedFilter,
): Promise<number> => {
  const { rows } = await from.query<{ count: number }>({
    text: `SELECT count(*)::integer AS count FROM supervised_devices WHERE ${whichOf(filter)}`,
    values: [tenantId, supervisionId, filter.verdict ?? null],
  });
  return rows[0]?.count ?? 0;
};

/** In the order of their ids, after the id `after`. */
export const searchSupervised = async (
  from: Queryable,
  { tenantId, supervisionId }: { readonly tenantId: string; readonly supervisionId: string },
  { verdict, reason }: SupervisedFilter,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<SupervisedDevice[]> => {
  const { rows } = await from.query<SupervisedRow>({
    text: `SELECT device_id, name, verdict, reasons, desired, delivered, reported, known_by, since FROM supervised_devices
     WHERE ${whichOf({ verdict, reason })}
       ${after === undefined ? 'AND $4::text IS NULL' : 'AND device_id > $4'}
     ORDER BY device_id LIMIT $5`,
    values: [tenantId, supervisionId, verdict ?? null, after ?? null, limit],
  });
  return rows.map((row) => ({
    deviceId: row.device_id,
    name: row.name,
    verdict: row.verdict,
    reasons: row.reasons,
    desired: row.desired,
    delivered: row.delivered,
    reported: row.reported,
    knownBy: row.known_by,
    since: row.since?.toISOString() ?? null,
  }));
};
