/**
 * Derived, never stored: `in_sync` last applied = current; `pending` changed, not sent to anybody; `dispatched` sent,
 * no answer yet; `rejected` refused by the device; `unconfirmed` dispatched and silent past the deadline;
 * `none` no configuration.
 */
export const SYNC_STATES = ['in_sync', 'pending', 'dispatched', 'rejected', 'unconfirmed', 'none'] as const;
export type SyncState = (typeof SYNC_STATES)[number];

/** What the sync state of a device follows from. Whoever keeps it beside the published events has the same answer. */
export interface SyncFacts {
  /** Of the current document; "": nothing was ever configured. */
  readonly configId: string;
  /** The last dispatch, of whatever document. `reachedAt`: when this document first had somebody to take it. */
  readonly dispatched: { readonly configId: string; readonly reachedAt: string | null } | null;
  /** The device's last word on a document that was current when it spoke, unless it was sent another one since. */
  readonly confirmation: { readonly configId: string; readonly rejected: boolean } | null;
}

/** What was published of a device's configuration, as far as it changes the sync state. */
export type SyncFact =
  | { readonly kind: 'desired' | 'reoffered' | 'applied' | 'rejected'; readonly configId: string }
  | {
      readonly kind: 'dispatched';
      readonly configId: string;
      readonly subscriber: boolean;
      readonly at: string;
    };

export const noSyncFacts: SyncFacts = { configId: '', dispatched: null, confirmation: null };

/** The facts after one more event. Pure. A specification of `configuration` holds it to what its decider makes of the same. */
export const evolveSync = (facts: SyncFacts, fact: SyncFact): SyncFacts => {
  const { dispatched, confirmation } = facts;
  const { configId } = fact;
  switch (fact.kind) {
    case 'desired':
      if (configId === facts.configId) return facts;
      return { configId, dispatched, confirmation: confirmation?.rejected === true ? null : confirmation };
    case 'reoffered':
      return {
        ...facts,
        dispatched: dispatched && { ...dispatched, reachedAt: null },
        confirmation: confirmation?.configId === facts.configId ? null : confirmation,
      };
    case 'dispatched': {
      const reachedAt = dispatched?.configId === configId ? dispatched.reachedAt : null;
      return {
        ...facts,
        dispatched: { configId, reachedAt: reachedAt ?? (fact.subscriber ? fact.at : null) },
        confirmation: fact.subscriber && confirmation?.configId !== configId ? null : confirmation,
      };
    }
    case 'applied':
    case 'rejected':
      return configId === facts.configId
        ? { ...facts, confirmation: { configId, rejected: fact.kind === 'rejected' } }
        : facts;
  }
};

/** The sync state as long as no time passes: `dispatched` becomes `unconfirmed` by the clock alone, see `isUnconfirmed`. */
export type RestingSyncState = Exclude<SyncState, 'unconfirmed'>;

export const restingSyncState = ({ configId, confirmation, dispatched }: SyncFacts): RestingSyncState => {
  if (configId === '') return 'none';
  if (confirmation?.configId === configId) return confirmation.rejected ? 'rejected' : 'in_sync';
  return dispatched?.configId === configId && dispatched.reachedAt !== null ? 'dispatched' : 'pending';
};

/** Whether a device that was reached then has been silent for too long. */
export const isUnconfirmed = (reachedAt: Date, now: Date, unconfirmedAfterMs: number): boolean =>
  now.getTime() - reachedAt.getTime() > unconfirmedAfterMs;

export const syncStateAt = (facts: SyncFacts, now: Date, unconfirmedAfterMs: number): SyncState => {
  const resting = restingSyncState(facts);
  const reachedAt = facts.dispatched?.reachedAt;
  if (resting !== 'dispatched' || reachedAt == null) return resting;
  return isUnconfirmed(new Date(reachedAt), now, unconfirmedAfterMs) ? 'unconfirmed' : resting;
};
