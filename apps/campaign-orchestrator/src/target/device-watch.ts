import { entryOf } from '@muster/contracts/configuration/as-expected';
import {
  readDeviceStates,
  MAX_STATE_KEYS,
  MAX_STATES,
  type DeviceState,
} from '@muster/contracts/configuration/campaign.requests';
import type { Database } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import type { Launches } from './launches.js';
import { evaluate, isFinal, type Wanted } from './target.js';
import {
  FOLLOWED,
  readTargets,
  type TargetChange,
  type TargetChanges,
  type TargetRow,
} from './target-rows.js';

/** What somebody follows of some devices. */
export interface Followed {
  readonly deviceIds: readonly string[];
  /** The keys it judges by. */
  readonly keys: readonly string[];
  /** What it makes of how they stand. Returns the devices that must be looked at again: something else changed meanwhile. */
  judge(states: ReadonlyMap<string, DeviceState>): Promise<readonly string[]>;
}

/** Follows devices: campaigns do, and supervisions. */
export interface Follower {
  find(tenantId: string, deviceIds: readonly string[]): Promise<Followed | undefined>;
}

const TIMEOUT_MS = 10_000;
/** Of devices that change while they are looked at. What is left is looked at with their next event, or by the sweep. */
const ROUNDS = 5;

/**
 * Looks at devices because something has happened to them: what they are is asked of `configuration`, once for all who
 * follow them. Whatever has rung, how often and how late makes no difference.
 */
export class DeviceWatch {
  constructor(
    private readonly bus: Pick<Bus, 'request'>,
    private readonly followers: readonly Follower[],
  ) {}

  /** `deleted`: those of them that the registry has removed, whether `configuration` knows it yet or not. */
  async look(
    tenantId: string,
    deviceIds: readonly string[],
    deleted: ReadonlySet<string> = new Set(),
  ): Promise<void> {
    const distinct = [...new Set(deviceIds)];
    for (let start = 0; start < distinct.length; start += MAX_STATES) {
      let left: readonly string[] = distinct.slice(start, start + MAX_STATES);
      for (let round = 0; round < ROUNDS && left.length > 0; round += 1)
        left = await this.once(tenantId, left, deleted);
    }
  }

  private async once(
    tenantId: string,
    deviceIds: readonly string[],
    deleted: ReadonlySet<string>,
  ): Promise<readonly string[]> {
    // Found before they are read: what changes in between is seen when it is judged.
    const found: Followed[] = [];
    for (const follower of this.followers) {
      const followed = await follower.find(tenantId, deviceIds);
      if (followed !== undefined) found.push(followed);
    }
    const followed = [...new Set(found.flatMap((one) => one.deviceIds))];
    if (followed.length === 0) return [];
    const keys = [...new Set(found.flatMap((one) => one.keys))];
    const states = await this.read(tenantId, followed, keys);
    for (const [deviceId, state] of states)
      if (deleted.has(deviceId)) states.set(deviceId, { ...state, ended: true });
    const again: string[] = [];
    for (const one of found) again.push(...(await one.judge(states)));
    return [...new Set(again)];
  }

  private async read(
    tenantId: string,
    deviceIds: readonly string[],
    keys: readonly string[],
  ): Promise<Map<string, DeviceState>> {
    const states = new Map<string, DeviceState>();
    for (let left = [...deviceIds]; left.length > 0;) {
      const reply = await this.bus.request(
        readDeviceStates,
        // More than a question names: all keys are asked for. Otherwise one campaign would keep others from being looked at.
        { tenantId, deviceIds: left, ...(keys.length > MAX_STATE_KEYS ? {} : { keys: [...keys] }) },
        { timeoutMs: TIMEOUT_MS },
      );
      for (const state of reply.states) states.set(state.deviceId, state);
      left = reply.askAgain ?? [];
    }
    return states;
  }
}

/** Judges the targets of campaigns. */
export class TargetFollower implements Follower {
  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly launches: Launches;
      readonly changes: TargetChanges;
    },
  ) {}

  async find(tenantId: string, deviceIds: readonly string[]): Promise<Followed | undefined> {
    const { database, launches } = this.parts;
    const rows = await readTargets(database, tenantId, `device_id = ANY($2) AND ${FOLLOWED}`, [deviceIds]);
    const wants = await launches.wantsOf(tenantId, [...new Set(rows.map(({ launchId }) => launchId))]);
    const followed = rows.filter(({ launchId }) => wants.has(launchId));
    if (followed.length === 0) return undefined;
    const keys = new Set<string>();
    for (const { values, expectedStates } of wants.values())
      for (const key of [...Object.keys(values), ...Object.keys(expectedStates)]) keys.add(key);
    for (const { ownValues } of followed) for (const key of Object.keys(ownValues ?? {})) keys.add(key);
    return {
      deviceIds: followed.map(({ deviceId }) => deviceId),
      keys: [...keys],
      judge: (states) => this.judge(tenantId, followed, { wants, states }),
    };
  }

  private async judge(
    tenantId: string,
    rows: readonly TargetRow[],
    {
      wants,
      states,
    }: {
      readonly wants: ReadonlyMap<string, Wanted & { readonly revertOf: string | null }>;
      readonly states: ReadonlyMap<string, DeviceState>;
    },
  ): Promise<readonly string[]> {
    const { database, changes } = this.parts;
    const now = new Date().toISOString();
    const found = rows.flatMap((row): TargetChange[] => {
      const wanted = wants.get(row.launchId);
      const state = states.get(row.deviceId);
      if (wanted === undefined || state === undefined) return [];
      const next = evaluate(row, wantedOf(row, wanted, state), state, { now, chance: Math.random() });
      if (next !== null) return [{ row, next }];
      // Heard of before the answer to what was handed over is recorded: whoever records it finds a changed row, and looks.
      const { operation, status } = row;
      return operation === null || isFinal(status) ? [] : [{ row, next: row, operation }];
    });
    if (found.length === 0) return [];
    const applied = await database.transaction(
      async (tx) => new Set((await changes.apply(tx, tenantId, found)).map(({ row }) => row)),
    );
    return found.flatMap(({ row }) => (applied.has(row) ? [] : [row.deviceId]));
  }
}

/** Of a revert: its own values, and of these those that it has changed. The others were somebody else's by then. */
const wantedOf = (
  row: TargetRow,
  wanted: Wanted & { readonly revertOf: string | null },
  state: DeviceState,
): Wanted => {
  if (wanted.revertOf === null) return wanted;
  const isOurs = (key: string): boolean => {
    const by = (entryOf(state.desired, key) ?? entryOf(state.withdrawn, key))?.by;
    return by?.kind === 'campaign' && by.id === wanted.campaignId;
  };
  if (row.status === 'planned') return { ...wanted, values: {} };
  const all = row.ownValues ?? {};
  const ours = Object.entries(all).filter(([key]) => isOurs(key));
  return { ...wanted, values: ours.length === 0 ? all : Object.fromEntries(ours) };
};
