import type { JsonObject } from '@muster/contracts';
import type { Database } from '@muster/event-store';
import type { HubTwin } from '../azure/hub-twins.js';
import { NAMESPACE } from '../events/reported-requests.js';

/** What a hub tells of a change of desired properties. */
export interface DesiredChange {
  /** At the top. */
  readonly keys: readonly string[];
  /** All of them were replaced, and what is not among the keys is gone. */
  readonly whole: boolean;
  readonly version: number;
  /** By the hub, ISO. */
  readonly at: string;
}

export interface SuspectTwin {
  readonly hubDeviceId: string;
  readonly version: number;
  readonly ours: JsonObject;
}

/** Longer than the longest call: who dies in it is waited for no longer. */
const BUSY_SECONDS = 45;
/** How long a twin is left alone after a change that may be our own: its event may come before the answer to us. */
const GRACE_SECONDS = 3;
const LEASE_SECONDS = 60;
const KEPT_KEYS = 20;

/** How we have left the twins of devices, and what others have changed in them; the same for all replicas. */
export class LeftTwins {
  constructor(private readonly database: Database) {}

  /** We are about to change it. */
  async begin(hubId: string, hubDeviceId: string): Promise<void> {
    await this.database.query({
      text: `INSERT INTO hub_twins (hub_id, hub_device_id, busy_until) VALUES ($1, $2, now() + $3 * interval '1 second')
             ON CONFLICT (hub_id, hub_device_id) DO UPDATE SET busy_until = excluded.busy_until`,
      values: [hubId, hubDeviceId, BUSY_SECONDS],
    });
  }

  /** It is so now, by us. Of two at once the later counts. */
  async left(hubId: string, hubDeviceId: string, { properties: { desired } }: HubTwin): Promise<void> {
    await this.database.query({
      text: `INSERT INTO hub_twins AS t (hub_id, hub_device_id, version, ours) VALUES ($1, $2, $3, $4)
             ON CONFLICT (hub_id, hub_device_id) DO UPDATE SET busy_until = NULL,
               version = greatest(t.version, excluded.version),
               ours = CASE WHEN t.version > excluded.version THEN t.ours ELSE excluded.ours END`,
      values: [hubId, hubDeviceId, desired['$version'], JSON.stringify(desired[NAMESPACE] ?? {})],
    });
  }

  /** The hub has told of a change. By whom it does not say: of what is ours it is looked after a while whether it is as we left it. */
  async changed(hubId: string, hubDeviceId: string, change: DesiredChange): Promise<void> {
    const { keys, whole, version, at } = change;
    const others = keys.filter((key) => key !== NAMESPACE).slice(0, KEPT_KEYS);
    const isAboutOurs = whole || keys.includes(NAMESPACE);
    await this.database.query({
      text: `INSERT INTO hub_twins AS t (hub_id, hub_device_id, foreign_at, foreign_keys, undone)
             SELECT $1, $2, $3::timestamptz, $4::text[], false WHERE $4::text[] <> '{}'
             ON CONFLICT (hub_id, hub_device_id) DO UPDATE
               SET foreign_at = excluded.foreign_at, foreign_keys = excluded.foreign_keys, undone = false
               WHERE t.foreign_at IS NULL OR t.foreign_at < excluded.foreign_at`,
      values: [hubId, hubDeviceId, at, others],
    });
    if (!isAboutOurs) return;
    await this.database.query({
      text: `UPDATE hub_twins SET suspect_at = $3, due_at = now() + $5 * interval '1 second'
             WHERE hub_id = $1 AND hub_device_id = $2 AND version < $4`,
      values: [hubId, hubDeviceId, at, version, GRACE_SECONDS],
    });
  }

  /** Some that somebody else may have changed, for whoever calls alone; none that we are changing ourselves. */
  async claim(hubId: string, most: number): Promise<SuspectTwin[]> {
    const { rows } = await this.database.query<{ hub_device_id: string; version: string; ours: JsonObject }>({
      text: `UPDATE hub_twins t SET due_at = now() + $3 * interval '1 second'
             FROM (SELECT hub_id, hub_device_id FROM hub_twins WHERE hub_id = $1 AND due_at <= now()
                     AND (busy_until IS NULL OR busy_until < now())
                   ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) due
             WHERE t.hub_id = due.hub_id AND t.hub_device_id = due.hub_device_id
             RETURNING t.hub_device_id, t.version, t.ours`,
      values: [hubId, most, LEASE_SECONDS],
    });
    return rows.map((row) => ({
      hubDeviceId: row.hub_device_id,
      version: Number(row.version),
      ours: row.ours,
    }));
  }

  /** What is suspected was a change of ours: it is as we left it. */
  async unchanged(hubId: string, hubDeviceId: string): Promise<void> {
    await this.database.query({
      text: 'UPDATE hub_twins SET due_at = NULL WHERE hub_id = $1 AND hub_device_id = $2',
      values: [hubId, hubDeviceId],
    });
  }

  /** Somebody else had changed what is ours, and it is again as we left it. */
  async putBack(hubId: string, hubDeviceId: string): Promise<void> {
    await this.database.query({
      text: `UPDATE hub_twins SET due_at = NULL, foreign_at = suspect_at, foreign_keys = $3, undone = true
             WHERE hub_id = $1 AND hub_device_id = $2`,
      values: [hubId, hubDeviceId, [NAMESPACE]],
    });
  }

  /** The identity is another one, or none: versions begin anew. */
  async forget(hubId: string, hubDeviceId: string): Promise<void> {
    await this.database.query({
      text: 'DELETE FROM hub_twins WHERE hub_id = $1 AND hub_device_id = $2',
      values: [hubId, hubDeviceId],
    });
  }
}
