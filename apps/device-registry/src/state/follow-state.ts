import type { JsonObject, JsonValue } from '@muster/contracts';
import type { ValueChanges } from '@muster/contracts/configuration/published';
import {
  evolveSync,
  noSyncFacts,
  type SyncFact,
  type SyncFacts,
} from '@muster/contracts/configuration/sync-state';

/** What one published event of a device's configuration changes. `version` rises by one with every event of the stream. */
export interface StateEvent {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly version: number;
  readonly sync?: SyncFact;
  readonly desired?: ValueChanges;
  readonly reported?: ValueChanges;
}

/** What is kept of a device, but for its values. Everything up to the event `version` is in it. */
export interface Known {
  readonly version: number;
  readonly facts: SyncFacts;
}

export interface Patch {
  readonly set: JsonObject;
  readonly removed: readonly string[];
}

export interface Step extends Known {
  readonly desired: Patch;
  readonly reported: Patch;
}

export interface Followed {
  /** Undefined: nothing new. */
  readonly step: Step | undefined;
  /**
   * True: an event is missing in between, so the state must be asked for. Not everything in a device's stream is published, and
   * an event that waited beside the others, or was lost with the stream, comes late or never.
   */
  readonly gap: boolean;
}

/** Pure. The events of one device, in any order and any number of times. */
export const follow = (known: Known | undefined, events: readonly StateEvent[]): Followed => {
  const from = known ?? { version: 0, facts: noSyncFacts };
  let { version, facts } = from;
  const desired = new Map<string, JsonValue | undefined>();
  const reported = new Map<string, JsonValue | undefined>();
  let gap = false;
  for (const event of events.toSorted((a, b) => a.version - b.version)) {
    if (event.version <= version) continue; // once more
    if (event.version > version + 1) {
      gap = true;
      break;
    }
    version = event.version;
    if (event.sync !== undefined) facts = evolveSync(facts, event.sync);
    for (const [key, { to }] of Object.entries(event.desired ?? {})) desired.set(key, to);
    for (const [key, { to }] of Object.entries(event.reported ?? {})) reported.set(key, to);
  }
  const isNew = version > from.version;
  return {
    step: isNew ? { version, facts, desired: patchOf(desired), reported: patchOf(reported) } : undefined,
    gap,
  };
};

const patchOf = (values: ReadonlyMap<string, JsonValue | undefined>): Patch => ({
  set: Object.fromEntries([...values].flatMap(([key, to]) => (to === undefined ? [] : [[key, to]]))),
  removed: [...values].flatMap(([key, to]) => (to === undefined ? [key] : [])),
});
