import type { DeviceKey } from '@muster/contracts/configuration/documents.requests';
import type { ConfigurationState } from '@muster/contracts/configuration/states.requests';
import { restingSyncState, type SyncFacts } from '@muster/contracts/configuration/sync-state';
import type { Database, Projection } from '@muster/event-store';
import type pg from 'pg';
import { keyOf } from '../connectivity/device-connectivity.js';
import { deleteAlone, holdDeletions } from './erasure-lock.js';
import { follow, type Known, type Patch, type StateEvent, type Step } from './follow-state.js';

/** With a device goes what is known of its configuration. */
export const deviceStates: Projection = {
  name: 'device-state',
  handles: ['DeviceDeleted'],
  project: async (tx, events) => {
    await deleteAlone(tx);
    await tx.query(
      'DELETE FROM device_state WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))',
      [events.map(({ tenantId }) => tenantId), events.map(({ streamId }) => streamId)],
    );
  },
  /** All stays: the registry's own events could not bring it back. */
  reset: () => Promise.resolve(),
};

/** Of a row `d` of devices; null: nothing was ever known of its configuration. */
export const STATE_JOIN = 'LEFT JOIN device_state st ON st.tenant_id = d.tenant_id AND st.device_id = d.id';

/** Of a document that was dispatched: the device has been silent for too long. */
export const UNCONFIRMED = 'st.unconfirmed_at < now()';

export const SYNC_STATE = `CASE WHEN ${UNCONFIRMED} THEN 'unconfirmed' ELSE coalesce(st.sync_state, 'none') END`;

/** What is followed of the configuration of devices: desired and reported values, and how far they are with it. */
export class DeviceStates {
  /** `unconfirmedAfterMs`: as the configuration service has it. */
  constructor(
    private readonly database: Database,
    private readonly unconfirmedAfterMs: number,
  ) {}

  /**
   * In any order and any number of times; devices that are gone are passed over. Returns the devices whose state must be asked
   * for, because an event before one of these was never seen.
   */
  async learn(events: readonly StateEvent[]): Promise<DeviceKey[]> {
    const devices = byDevice(events);
    return this.database.transaction(async (tx) => {
      const [, known] = await Promise.all([holdDeletions(tx), loadLocked(tx, [...devices.values()])]);
      const steps: (Step & { readonly tuple: string })[] = [];
      const begun: (DeviceKey & Step)[] = [];
      const asked: DeviceKey[] = [];
      for (const [key, { tenantId, deviceId, events: own }] of devices) {
        const before = known.get(key);
        const { step, gap } = follow(before, own);
        if (step !== undefined && before === undefined) begun.push({ tenantId, deviceId, ...step });
        if (step !== undefined && before !== undefined) steps.push({ tuple: before.tuple, ...step });
        if (gap) asked.push({ tenantId, deviceId });
      }
      await this.save(tx, steps);
      await this.begin(tx, begun);
      return asked;
    });
  }

  /** What the configuration service says itself. Never replaces what is newer, nor brings back a device that is gone. */
  async replace(states: readonly ConfigurationState[]): Promise<void> {
    if (states.length === 0) return;
    await this.database.transaction(async (tx) => {
      await holdDeletions(tx);
      await this.insert(
        tx,
        states.map(({ configId, dispatched, confirmation, ...state }) => ({
          ...state,
          facts: { configId, dispatched, confirmation },
        })),
      );
    });
  }

  /** The first events of devices of which nothing was known. */
  private begin(tx: pg.PoolClient, begun: readonly (DeviceKey & Step)[]): Promise<void> {
    return this.insert(
      tx,
      begun.map(({ desired, reported, ...step }) => ({
        ...step,
        desired: desired.set,
        reported: reported.set,
      })),
    );
  }

  /** Ordered, so that two processes take the rows in one order and do not wait for each other. */
  private async insert(
    tx: pg.PoolClient,
    rows: readonly (DeviceKey & Pick<Step, 'version' | 'facts'> & { desired: object; reported: object })[],
  ): Promise<void> {
    if (rows.length === 0) return;
    await tx.query(
      `INSERT INTO device_state AS s (tenant_id, device_id, version, config_id, sync_state, unconfirmed_at, sync_facts, desired,
         reported)
       SELECT n.tenant_id, n.device_id, n.version, n.config_id, n.sync_state, n.unconfirmed_at, n.sync_facts::jsonb,
         n.desired::jsonb, n.reported::jsonb
       FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::text[],
           $9::text[])
         AS n (tenant_id, device_id, version, config_id, sync_state, unconfirmed_at, sync_facts, desired, reported)
       JOIN devices d ON d.tenant_id = n.tenant_id AND d.id = n.device_id
       ORDER BY n.tenant_id, n.device_id
       ON CONFLICT (tenant_id, device_id) DO UPDATE SET version = excluded.version, config_id = excluded.config_id,
         sync_state = excluded.sync_state, unconfirmed_at = excluded.unconfirmed_at, sync_facts = excluded.sync_facts,
         desired = excluded.desired, reported = excluded.reported
       WHERE s.version < excluded.version`,
      [
        ...this.columnsOf(rows),
        rows.map(({ desired }) => JSON.stringify(desired)),
        rows.map(({ reported }) => JSON.stringify(reported)),
      ],
    );
  }

  /**
   * Of rows that this transaction has locked, so that they lie where they were: by a join of their keys PostgreSQL reads the
   * whole of a table of 20,000 devices for each few hundred.
   */
  private async save(
    tx: pg.PoolClient,
    steps: readonly (Step & { readonly tuple: string })[],
  ): Promise<void> {
    if (steps.length === 0) return;
    await tx.query(
      `UPDATE device_state s SET version = n.version, config_id = n.config_id, sync_state = n.sync_state,
         unconfirmed_at = n.unconfirmed_at, sync_facts = n.sync_facts,
         desired = ${patched('desired')}, reported = ${patched('reported')}
       FROM jsonb_to_recordset($1::jsonb) AS n (tuple tid, version integer, config_id text, sync_state text,
         unconfirmed_at timestamptz, sync_facts jsonb, desired jsonb, no_desired text[], reported jsonb, no_reported text[])
       WHERE s.ctid = n.tuple`,
      [
        JSON.stringify(
          steps.map(({ tuple, version, facts, desired, reported }) => ({
            tuple,
            version,
            config_id: facts.configId,
            sync_state: restingSyncState(facts),
            unconfirmed_at: this.unconfirmedAt(facts),
            sync_facts: facts,
            ...(isEmpty(desired) ? {} : { desired: desired.set, no_desired: desired.removed }),
            ...(isEmpty(reported) ? {} : { reported: reported.set, no_reported: reported.removed }),
          })),
        ),
      ],
    );
  }

  private columnsOf(rows: readonly (DeviceKey & Pick<Step, 'version' | 'facts'>)[]): unknown[][] {
    return [
      rows.map(({ tenantId }) => tenantId),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ version }) => version),
      rows.map(({ facts }) => facts.configId),
      rows.map(({ facts }) => restingSyncState(facts)),
      rows.map(({ facts }) => this.unconfirmedAt(facts)),
      rows.map(({ facts }) => JSON.stringify(facts)),
    ];
  }

  private unconfirmedAt(facts: SyncFacts): string | null {
    const reachedAt = facts.dispatched?.reachedAt;
    if (restingSyncState(facts) !== 'dispatched' || reachedAt == null) return null;
    return new Date(Date.parse(reachedAt) + this.unconfirmedAfterMs).toISOString();
  }

  /** Brings the rows that were written under another setting to this one. */
  async adoptDeadline(): Promise<void> {
    await this.database.query(
      `UPDATE device_state st SET unconfirmed_at = at FROM (
         SELECT tenant_id, device_id,
           (sync_facts #>> '{dispatched,reachedAt}')::timestamptz + $1 * interval '1 millisecond' AS at
         FROM device_state WHERE sync_state = 'dispatched') n
       WHERE st.tenant_id = n.tenant_id AND st.device_id = n.device_id AND st.sync_state = 'dispatched'
         AND st.unconfirmed_at IS DISTINCT FROM n.at`,
      [this.unconfirmedAfterMs],
    );
  }
}

const isEmpty = ({ set, removed }: Patch): boolean => Object.keys(set).length === 0 && removed.length === 0;

/** A value that no event named stays where it is: a large one is not written again. */
const patched = (column: 'desired' | 'reported'): string =>
  `CASE WHEN n.${column} IS NULL THEN s.${column} ELSE (s.${column} || n.${column}) - n.no_${column} END`;

/** `tuple`: where the row lies, as long as it is locked. */
const loadLocked = async (
  tx: pg.PoolClient,
  devices: readonly DeviceKey[],
): Promise<Map<string, Known & { readonly tuple: string }>> => {
  const { rows } = await tx.query<{
    tenant_id: string;
    device_id: string;
    tuple: string;
    version: number;
    facts: SyncFacts;
  }>(
    // The first two conditions are those of an index: of pairs that PostgreSQL knows nothing of it read the whole table instead.
    `SELECT s.tenant_id, s.device_id, s.ctid AS tuple, s.version, s.sync_facts AS facts FROM device_state s
     WHERE s.tenant_id = ANY($1) AND s.device_id = ANY($2)
       AND (s.tenant_id, s.device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
     ORDER BY s.tenant_id, s.device_id FOR UPDATE`,
    [devices.map(({ tenantId }) => tenantId), devices.map(({ deviceId }) => deviceId)],
  );
  return new Map(rows.map(({ tenant_id, device_id, ...known }) => [keyOf(tenant_id, device_id), known]));
};

const byDevice = (
  events: readonly StateEvent[],
): Map<string, DeviceKey & { readonly events: StateEvent[] }> => {
  const devices = new Map<string, DeviceKey & { readonly events: StateEvent[] }>();
  for (const event of events) {
    const { tenantId, deviceId } = event;
    const key = keyOf(tenantId, deviceId);
    const own = devices.get(key);
    if (own === undefined) devices.set(key, { tenantId, deviceId, events: [event] });
    else own.events.push(event);
  }
  return devices;
};
