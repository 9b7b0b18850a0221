import { claimKeyChanged, claimKeyDeleted } from '@muster/contracts/device-registry/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { ClaimKeyEvent } from './claim-key.events.js';

/** What others are told of a stored event. Pure; the relay publishes it at least once. */
export const publishedOfClaimKey = (event: RecordedEvent<ClaimKeyEvent>): readonly Published[] => {
  const entityId = event.streamId;
  const fact = {
    claimKeyId: event.streamId,
    version: event.version,
    at: event.recordedAt,
    actor: event.metadata.actor,
  };
  return event.type === 'ClaimKeyDeleted'
    ? [{ contract: claimKeyDeleted, entityId, data: fact }]
    : [{ contract: claimKeyChanged, entityId, data: { ...fact, ...event.data.summary } }];
};
