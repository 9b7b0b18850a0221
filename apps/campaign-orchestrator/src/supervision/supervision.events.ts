import type { Actor, JsonValue } from '@muster/contracts';
import type { SupervisionStatus } from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import type { ExpectedFrom } from '@muster/contracts/configuration/expected-from';

/** One of the two; null: the devices of the campaign it comes with. */
export type SupervisedTarget = { readonly deviceIds: readonly string[] } | { readonly filter: string } | null;

/** What every event says, because who is told of one may have no other. */
interface SupervisionFact {
  readonly at: string;
  readonly by: Actor;
  readonly name: string;
  /** After the event. */
  readonly status: SupervisionStatus;
  readonly campaignId: string | null;
}

/** Devices shall be watched. Which ones is found out next, or was by the campaign. */
export interface SupervisionOpened {
  readonly type: 'SupervisionOpened';
  readonly data: SupervisionFact & {
    readonly target: SupervisedTarget;
    readonly configurations: Readonly<Record<string, JsonValue>>;
    readonly expectedStates: Readonly<Record<string, JsonValue>>;
    readonly expectedFrom: ExpectedFrom;
  };
}

/** All its devices are known. */
export interface SupervisionResolved {
  readonly type: 'SupervisionResolved';
  readonly data: SupervisionFact & { readonly total: number };
}

/** Its devices could not be found. */
export interface SupervisionFailed {
  readonly type: 'SupervisionFailed';
  readonly data: SupervisionFact & { readonly code: string; readonly detail: string };
}

/** Its name is another from now on. */
export interface SupervisionRenamed {
  readonly type: 'SupervisionRenamed';
  readonly data: SupervisionFact;
}

/** The verdicts stay as they are. */
export interface SupervisionClosed {
  readonly type: 'SupervisionClosed';
  readonly data: SupervisionFact;
}

/** The last event of the stream; its devices are forgotten. */
export interface SupervisionDeleted {
  readonly type: 'SupervisionDeleted';
  readonly data: SupervisionFact;
}

export type SupervisionEvent =
  | SupervisionOpened
  | SupervisionResolved
  | SupervisionFailed
  | SupervisionRenamed
  | SupervisionClosed
  | SupervisionDeleted;
