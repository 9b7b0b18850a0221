import {
  integrationCreated,
  integrationCredentialsRenewed,
  integrationDeleted,
  integrationEdited,
} from '@muster/contracts/identity/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { IntegrationEvent } from './integration.events.js';

/** What others are told of a stored event. Pure; the relay publishes it at least once. */
export const publishedOfIntegration = (event: RecordedEvent<IntegrationEvent>): readonly Published[] => {
  const fact = {
    integrationId: event.streamId,
    version: event.version,
    at: event.recordedAt,
    actor: event.metadata.actor,
    name: event.data.name,
  };
  switch (event.type) {
    case 'IntegrationCreated': {
      const { services, from } = event.data;
      const data = { ...fact, ...(services === undefined ? {} : { services: [...services] }), from };
      return [{ contract: integrationCreated, entityId: event.streamId, data }];
    }
    case 'IntegrationEdited': {
      const { services } = event.data;
      const data = { ...fact, ...(services === null ? {} : { services: [...services] }) };
      return [{ contract: integrationEdited, entityId: event.streamId, data }];
    }
    case 'CredentialsRenewed':
      return [{ contract: integrationCredentialsRenewed, entityId: event.streamId, data: fact }];
    case 'IntegrationDeleted':
      return [{ contract: integrationDeleted, entityId: event.streamId, data: fact }];
  }
};
