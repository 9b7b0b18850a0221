import {
  supervisionChanged,
  supervisionVerdictsChanged,
  type SupervisionVerdictsChanged,
} from '@muster/contracts/campaign-orchestrator/supervisions.published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { SupervisionEvent } from './supervision.events.js';

/** What others are told of a stored event. */
export const publishedOfSupervision = (event: RecordedEvent<SupervisionEvent>): readonly Published[] => {
  const { at, by: actor, name, status, campaignId } = event.data;
  return [
    {
      contract: supervisionChanged,
      entityId: event.streamId,
      data: {
        supervisionId: event.streamId,
        version: event.version,
        at,
        name,
        status,
        actor,
        ...(campaignId === null ? {} : { campaignId }),
      },
    },
  ];
};

/** Verdicts are rows, and are told as announcements. */
export const VERDICTS_ANNOUNCED = 'supervision-verdicts';

export interface VerdictsChanged {
  readonly type: 'VerdictsChanged';
  readonly data: Omit<SupervisionVerdictsChanged, 'version'>;
}

export const publishedOfVerdicts = (event: RecordedEvent<VerdictsChanged>): readonly Published[] => [
  {
    contract: supervisionVerdictsChanged,
    entityId: event.streamId,
    data: { ...event.data, version: event.version },
  },
];
