import { findAccess, type AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { wrongHubDeviceId } from '@muster/contracts/iothub-adapter/hub-device-id';
import type { Database, Queryable } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import type pg from 'pg';
import { wantedOf, type WantedIdentity } from './wanted-identity.js';

/** Something to be done in a hub, held for a while by whoever has claimed it. */
export interface IdentityTask {
  readonly hubId: string;
  readonly hubDeviceId: string;
  readonly tenantId: string;
  readonly deviceId: string;
  /** Null: there is to be none. */
  readonly wanted: WantedIdentity | null;
  readonly revision: string;
  readonly attempts: number;
}

/** Longer than the longest call: two processes never speak about one identity at the same time. */
const LEASE_SECONDS = 120;
const ASK_MS = 3_000;

/** What is wanted of hubs for each endpoint token, and what was done of it: one row each, the same for all replicas. */
export class IdentityLedger {
  constructor(
    private readonly database: Database,
    private readonly bus: Pick<Bus, 'request'>,
  ) {}

  /**
   * Notes what is wanted for these devices now. Late, repeated and reordered events do no harm: an event only says which
   * device, and device-registry is asked what is true, while nobody else notes anything of the same devices.
   */
  async note(deviceIds: readonly string[]): Promise<void> {
    // Without a hub there are no identities; who adds one has every device noted afterwards.
    if (!(await this.hasHubs())) return;
    const ids = [...new Set(deviceIds)].sort();
    await this.database.transaction(async (tx) => {
      // In one order, so that two replicas wait for each other instead of deadlocking.
      await tx.query(
        `SELECT pg_advisory_xact_lock(hashtextextended('hub-identity ' || id, 0)) FROM unnest($1::text[]) AS id ORDER BY id`,
        [ids],
      );
      const { entries } = await this.bus.request(findAccess, { deviceIds: ids }, { timeoutMs: ASK_MS });
      const kept = await this.want(tx, entries);
      // What is not wanted any more, of these devices: of a token that is gone, or of a hub that it was in before.
      await tx.query(
        `UPDATE hub_identities SET wanted = NULL, revision = revision + 1, attempts = 0, due_at = now()
         WHERE device_id = ANY($1) AND wanted IS NOT NULL
           AND NOT (hub_id, hub_device_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))`,
        [ids, kept.map(({ hubId }) => hubId), kept.map(({ token }) => token)],
      );
    });
  }

  private async hasHubs(): Promise<boolean> {
    const { rowCount } = await this.database.query({
      name: 'any-hub',
      text: '(SELECT FROM hubs LIMIT 1) UNION ALL (SELECT FROM hub_identities LIMIT 1)',
    });
    return rowCount !== 0;
  }

  private async want(
    tx: pg.PoolClient,
    entries: readonly AccessEntry[],
  ): Promise<{ readonly hubId: string; readonly token: string }[]> {
    const wanted = entries.flatMap((entry) => {
      const identity = wantedOf(entry);
      return identity === undefined ? [] : [{ entry, identity }];
    });
    // Who removes a hub waits for those who note something of it, and then removes that, too.
    const { rows } = await tx.query<{ hub_id: string; hub_device_id: string }>(
      `INSERT INTO hub_identities AS i (tenant_id, hub_id, hub_device_id, device_id, wanted, due_at, fault)
       SELECT w.tenant_id, t.hub_id, w.token, w.device_id, w.wanted, CASE WHEN w.fault IS NULL THEN now() END, w.fault
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[])
         AS w (tenant_id, device_type_id, token, device_id, wanted, fault)
       JOIN LATERAL (SELECT hub_id FROM hub_device_types t JOIN hubs h ON h.tenant_id = t.tenant_id AND h.id = t.hub_id
         WHERE t.tenant_id = w.tenant_id AND t.device_type_id IN (w.device_type_id, '')
         ORDER BY t.device_type_id DESC LIMIT 1 FOR KEY SHARE OF h) t ON true
       ON CONFLICT (hub_id, hub_device_id) DO UPDATE SET
         wanted = excluded.wanted, device_id = excluded.device_id, tenant_id = excluded.tenant_id,
         revision = CASE WHEN i.wanted IS NOT DISTINCT FROM excluded.wanted THEN i.revision ELSE i.revision + 1 END,
         attempts = CASE WHEN i.wanted IS NOT DISTINCT FROM excluded.wanted THEN i.attempts ELSE 0 END,
         due_at = CASE WHEN i.made IS NOT DISTINCT FROM excluded.wanted THEN NULL
           WHEN i.wanted IS NOT DISTINCT FROM excluded.wanted THEN i.due_at ELSE excluded.due_at END
       RETURNING hub_id, hub_device_id`,
      [
        wanted.map(({ entry }) => entry.tenantId),
        wanted.map(({ entry }) => entry.deviceTypeId),
        wanted.map(({ entry }) => entry.token),
        wanted.map(({ entry }) => entry.deviceId),
        wanted.map(({ identity }) => JSON.stringify(identity)),
        wanted.map(({ entry }) => {
          const fault = wrongHubDeviceId(entry.token);
          return fault === undefined ? null : `the endpoint token ${fault}`;
        }),
      ],
    );
    return rows.map((row) => ({ hubId: row.hub_id, token: row.hub_device_id }));
  }

  /** The hub that has an identity for this token; undefined: none has, yet. */
  async hubWith(token: string): Promise<string | undefined> {
    const { rows } = await this.database.query<{ hub_id: string }>({
      text: `SELECT hub_id FROM hub_identities
             WHERE hub_device_id = $1 AND wanted IS NOT NULL AND made IS NOT NULL LIMIT 1`,
      values: [token],
    });
    return rows[0]?.hub_id;
  }

  /** How many can be done in a hub now. */
  async countDue(hubId: string, most: number): Promise<number> {
    const { rows } = await this.database.query<{ n: number }>({
      text: `SELECT count(*)::integer AS n FROM (SELECT FROM hub_identities WHERE hub_id = $1 AND due_at <= now()
             AND (leased_until IS NULL OR leased_until < now()) LIMIT $2) due`,
      values: [hubId, most],
    });
    return rows[0]?.n ?? 0;
  }

  /** Some of them, for whoever calls alone. */
  async claim(hubId: string, most: number): Promise<IdentityTask[]> {
    const { rows } = await this.database.query<{
      hub_device_id: string;
      tenant_id: string;
      device_id: string;
      wanted: WantedIdentity | null;
      revision: string;
      attempts: number;
    }>({
      text: `UPDATE hub_identities i SET leased_until = now() + $3 * interval '1 second'
             FROM (SELECT hub_id, hub_device_id FROM hub_identities
                   WHERE hub_id = $1 AND due_at <= now() AND (leased_until IS NULL OR leased_until < now())
                   ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) due
             WHERE i.hub_id = due.hub_id AND i.hub_device_id = due.hub_device_id
             RETURNING i.hub_device_id, i.tenant_id, i.device_id, i.wanted, i.revision, i.attempts`,
      values: [hubId, most, LEASE_SECONDS],
    });
    return rows.map((row) => ({
      hubId,
      hubDeviceId: row.hub_device_id,
      tenantId: row.tenant_id,
      deviceId: row.device_id,
      wanted: row.wanted,
      revision: row.revision,
      attempts: row.attempts,
    }));
  }

  /** It is as it was wanted when it was claimed. What is wanted since then is due at once. */
  async done({ hubId, hubDeviceId, wanted, revision }: IdentityTask): Promise<void> {
    const key = [hubId, hubDeviceId, revision];
    if (wanted === null) {
      const { rowCount } = await this.database.query(
        'DELETE FROM hub_identities WHERE hub_id = $1 AND hub_device_id = $2 AND revision = $3',
        key,
      );
      if (rowCount === 1) return;
    }
    await this.database.query(
      `UPDATE hub_identities SET made = $4, made_at = now(), leased_until = NULL, fault = NULL, fault_at = NULL, attempts = 0,
         due_at = CASE WHEN revision = $3 THEN NULL ELSE now() END
       WHERE hub_id = $1 AND hub_device_id = $2`,
      [...key, wanted === null ? null : JSON.stringify(wanted)],
    );
  }

  /** It could not be done now, and is due again after so long. */
  async failed(
    { hubId, hubDeviceId, revision }: IdentityTask,
    fault: string,
    againAfterSeconds: number,
  ): Promise<void> {
    await this.database.query(
      `UPDATE hub_identities SET leased_until = NULL, fault = $4, fault_at = now(), attempts = attempts + 1,
         due_at = CASE WHEN revision = $3 THEN now() + $5 * interval '1 second' ELSE now() END
       WHERE hub_id = $1 AND hub_device_id = $2`,
      [hubId, hubDeviceId, revision, fault, againAfterSeconds],
    );
  }

  /** What these are in the hub is not what it was taken for: it is brought there again what is wanted. */
  async doubt(tx: pg.PoolClient, hubId: string, hubDeviceIds: readonly string[]): Promise<void> {
    await tx.query(
      `UPDATE hub_identities SET made = NULL, due_at = now(), revision = revision + 1, attempts = 0
       WHERE hub_id = $1 AND hub_device_id = ANY($2) AND wanted IS NOT NULL AND due_at IS NULL`,
      [hubId, hubDeviceIds],
    );
  }

  /** Of these, those that are not brought to the hub yet, and what it has said of them. */
  async open(
    from: Queryable,
    hubId: string,
    hubDeviceIds: readonly string[],
  ): Promise<
    { readonly hubDeviceId: string; readonly attempts: number; readonly fault: string | undefined }[]
  > {
    const { rows } = await from.query<{
      hub_device_id: string;
      attempts: number;
      fault: string | null;
    }>({
      text: `SELECT hub_device_id, attempts, fault FROM hub_identities
             WHERE hub_id = $1 AND hub_device_id = ANY($2) AND due_at IS NOT NULL`,
      values: [hubId, hubDeviceIds],
    });
    return rows.map((row) => ({
      hubDeviceId: row.hub_device_id,
      attempts: row.attempts,
      fault: row.fault ?? undefined,
    }));
  }

  /** Devices that are to be in a hub, in order. */
  async devicesIn(hubId: string, after: string, limit: number): Promise<string[]> {
    const { rows } = await this.database.query<{ device_id: string }>({
      text: `SELECT DISTINCT device_id FROM hub_identities WHERE hub_id = $1 AND wanted IS NOT NULL AND device_id > $2
             ORDER BY device_id LIMIT $3`,
      values: [hubId, after, limit],
    });
    return rows.map((row) => row.device_id);
  }

  /** Whether a device here has, or had until just now, this identity. */
  async has(hubId: string, hubDeviceId: string): Promise<boolean> {
    const { rowCount } = await this.database.query({
      text: 'SELECT FROM hub_identities WHERE hub_id = $1 AND hub_device_id = $2',
      values: [hubId, hubDeviceId],
    });
    return rowCount === 1;
  }

  /** The hub has it no more: it is made again, if it is still wanted. */
  async gone(hubId: string, hubDeviceId: string): Promise<void> {
    await this.database.query(
      `UPDATE hub_identities SET made = NULL, due_at = now(), revision = revision + 1
       WHERE hub_id = $1 AND hub_device_id = $2 AND wanted IS NOT NULL AND made IS NOT NULL`,
      [hubId, hubDeviceId],
    );
  }

  /** Of a hub that is not ours any more: nothing of it is to be done. */
  async forget(tx: pg.PoolClient, hubId: string): Promise<void> {
    await tx.query('DELETE FROM hub_identities WHERE hub_id = $1', [hubId]);
  }
}
