import type { Actor, JsonValue } from '@muster/contracts';
import type { Effective } from '../desired/desired-values.js';

/** Survives JSON: it is stored beside the stream. */
export interface DeviceConfiguration {
  /** True: the device was deleted, the stream takes no more events. */
  readonly ended: boolean;
  /** Events folded so far, which is the version of the stream. */
  readonly streamVersion: number;
  /** Stream version at the last change of the desired values; 0: never changed. */
  readonly version: number;
  /** "" as long as nothing was ever configured; without keys, the document has an id as any other. */
  readonly configId: string;
  /** Values in effect. The device's own are those of the origin `device`, which always win. */
  readonly desired: Readonly<Record<string, Effective & { readonly at: string; readonly by: Actor }>>;
  /** Keys that have lost their desired value, the latest last, and whose wish that was. */
  readonly withdrawn: Readonly<Record<string, { readonly at: string; readonly by: Actor }>>;
  readonly reported: Readonly<Record<string, ReportedValue>>;
  /** null: the device never said. */
  readonly observe: boolean | null;
  /** The last dispatch, of whatever document. `reachedAt`: when this document first had somebody to take it. */
  readonly dispatched: {
    readonly configId: string;
    readonly subscriber: boolean;
    readonly at: string;
    readonly reachedAt: string | null;
  } | null;
  /** True: the current document was put on the wire since the desired values last changed, and somebody took it. */
  readonly sentSinceChange: boolean;
  /** The device's last word on a document that was current when it spoke, unless it was sent another one since. */
  readonly confirmation: Report | null;
  /** Its word on the current document that was taken back because it was sent another one; null: there is none. */
  readonly doubted: Report | null;
  /** The device's last word on a document that was not current. Kept only to know its repetition. */
  readonly strayReport: Report | null;
}

/** `at`: when it became this value. `statedAt`: when the device last said it itself, as far as that was news; see `reportState`. */
export interface ReportedValue {
  readonly value: JsonValue;
  readonly at: string;
  readonly statedAt?: string;
}

export interface Report {
  readonly configId: string;
  readonly at: string;
  /** null: applied. */
  readonly rejection: { readonly statusCode: number; readonly reasonPhrase?: string } | null;
}

export const initial: DeviceConfiguration = {
  ended: false,
  streamVersion: 0,
  version: 0,
  configId: '',
  desired: {},
  withdrawn: {},
  reported: {},
  observe: null,
  dispatched: null,
  sentSinceChange: false,
  confirmation: null,
  doubted: null,
  strayReport: null,
};

/** The entries with the changes made to them: a key whose change has no `to` is removed. */
export const withChanges = <Entry, Change extends { readonly to?: JsonValue }>(
  entries: Readonly<Record<string, Entry>>,
  changes: Readonly<Record<string, Change>>,
  entryOf: (value: JsonValue, change: Change, before: Entry | undefined) => Entry,
): Readonly<Record<string, Entry>> => {
  const result = new Map(Object.entries(entries));
  for (const [key, change] of Object.entries(changes)) {
    if (change.to === undefined) result.delete(key);
    else result.set(key, entryOf(change.to, change, result.get(key)));
  }
  return Object.fromEntries(result);
};
