import { AppError, type Actor, type JsonValue } from '@muster/contracts';
import type { SupervisionStatus } from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import type { ExpectedFrom } from '@muster/contracts/configuration/expected-from';
import type { SupervisedTarget, SupervisionEvent } from './supervision.events.js';

/**
 *     resolving ──> open ──> closed ──> (deleted)
 *         └──> failed ────────────────────^
 */
export interface Supervision {
  /** Null: there is none. `deleted`: there was one. */
  readonly status: SupervisionStatus | 'deleted' | null;
  readonly name: string;
  readonly campaignId: string | null;
  readonly target: SupervisedTarget;
}

export const initial: Supervision = { status: null, name: '', campaignId: null, target: null };

export type SupervisionCommand =
  | {
      readonly type: 'OpenSupervision';
      readonly name: string;
      readonly campaignId: string | null;
      readonly target: SupervisedTarget;
      readonly configurations: Readonly<Record<string, JsonValue>>;
      readonly expectedStates: Readonly<Record<string, JsonValue>>;
      readonly expectedFrom: ExpectedFrom;
      readonly by: Actor;
      readonly at: string;
    }
  | { readonly type: 'ResolveSupervision'; readonly total: number; readonly by: Actor; readonly at: string }
  | {
      readonly type: 'FailSupervision';
      readonly code: string;
      readonly detail: string;
      readonly by: Actor;
      readonly at: string;
    }
  | {
      readonly type: 'EditSupervision';
      /** Absent: it stays. */
      readonly name: string | undefined;
      readonly by: Actor;
      readonly at: string;
    }
  | { readonly type: 'CloseSupervision'; readonly by: Actor; readonly at: string }
  | { readonly type: 'DeleteSupervision'; readonly by: Actor; readonly at: string };

/**
 * Pure: the time comes in with the command. The first three are the service's own, and change nothing where they come late or
 * again. The last three are an operator's: `supervision-not-found`, `supervision-closed` (what it is called is a record, as its
 * verdicts), `supervision-resolving` (its devices are being found: it can be closed when they are), `supervision-open` (close
 * it before it is deleted).
 */
export const decide = (command: SupervisionCommand, state: Supervision): readonly SupervisionEvent[] => {
  const { name, campaignId, status } = state;
  const fact = <Status extends SupervisionStatus>(after: Status) => ({
    at: command.at,
    by: command.by,
    name,
    campaignId,
    status: after,
  });
  switch (command.type) {
    case 'OpenSupervision': {
      if (status !== null) return [];
      const { target, configurations, expectedStates, expectedFrom } = command;
      const opened = { target, configurations, expectedStates, expectedFrom };
      const about = { ...fact('resolving'), name: command.name, campaignId: command.campaignId };
      return [{ type: 'SupervisionOpened', data: { ...about, ...opened } }];
    }
    case 'ResolveSupervision':
      if (status !== 'resolving') return [];
      return [{ type: 'SupervisionResolved', data: { ...fact('open'), total: command.total } }];
    case 'FailSupervision': {
      if (status !== 'resolving') return [];
      const { code, detail } = command;
      return [{ type: 'SupervisionFailed', data: { ...fact('failed'), code, detail } }];
    }
    case 'EditSupervision':
      if (status === null || status === 'deleted') throw notFound();
      if (status === 'closed' || status === 'failed')
        throw new AppError('supervision-closed', `The supervision is ${status}, and is not edited any more.`);
      if (command.name === undefined || command.name === name) return [];
      return [{ type: 'SupervisionRenamed', data: { ...fact(status), name: command.name } }];
    case 'CloseSupervision':
      if (status === null || status === 'deleted') throw notFound();
      if (status === 'resolving')
        throw new AppError('supervision-resolving', 'Which devices it means is still being found out.');
      return status === 'open' ? [{ type: 'SupervisionClosed', data: fact('closed') }] : [];
    case 'DeleteSupervision':
      if (status === null) throw notFound();
      if (status === 'deleted') return [];
      if (status === 'resolving' || status === 'open')
        throw new AppError('supervision-open', `The supervision is ${status}; close it first.`);
      return [{ type: 'SupervisionDeleted', data: fact(status) }];
  }
};

const notFound = (): AppError => new AppError('supervision-not-found', 'No such supervision.');

export const evolve = (state: Supervision, event: SupervisionEvent): Supervision => {
  switch (event.type) {
    case 'SupervisionOpened': {
      const { name, campaignId, target, status } = event.data;
      return { status, name, campaignId, target };
    }
    case 'SupervisionResolved':
    case 'SupervisionFailed':
    case 'SupervisionClosed':
      return { ...state, status: event.data.status };
    case 'SupervisionRenamed':
      return { ...state, name: event.data.name };
    case 'SupervisionDeleted':
      return { ...state, status: 'deleted' };
  }
};

/** The stream `supervision-<id>`. */
export const supervision = { name: 'supervision', initial, evolve, decide } as const;
