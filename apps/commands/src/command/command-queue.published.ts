import {
  commandAnsweredLate,
  commandCancelled,
  commandCreated,
  commandExecuted,
  commandExpired,
  commandFailed,
  commandSent,
} from '@muster/contracts/commands/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { CommandEvent } from './command-queue.events.js';
import { commandIdOf, queueOf } from './names.js';

const ANSWERS = {
  CommandExecuted: commandExecuted,
  CommandFailed: commandFailed,
  CommandAnsweredLate: commandAnsweredLate,
};

/** What others are told of a stored event. `observe` is the adapters' matter, and the registry tells of the end. */
export const publishedOfCommands = (event: RecordedEvent<CommandEvent>): readonly Published[] => {
  const { deviceId: entityId, type } = queueOf(event.streamId);
  const fact = (number: number) => ({
    deviceId: entityId,
    commandId: commandIdOf(type, number),
    commandType: type,
    number,
    version: event.version,
    source: event.metadata.actor,
  });
  switch (event.type) {
    case 'CommandCreated': {
      const { id, createdAt: at, ...data } = event.data;
      return [{ contract: commandCreated, entityId, data: { ...fact(id), at, ...data } }];
    }
    case 'CommandExecuted':
    case 'CommandFailed':
    case 'CommandAnsweredLate': {
      const { id, answeredAt: at, ...data } = event.data;
      return [{ contract: ANSWERS[event.type], entityId, data: { ...fact(id), at, ...data } }];
    }
    case 'CommandExpired': {
      const { id, expiredAt: at } = event.data;
      return [{ contract: commandExpired, entityId, data: { ...fact(id), at } }];
    }
    case 'CommandCancelled': {
      const { id, cancelledAt: at } = event.data;
      return [{ contract: commandCancelled, entityId, data: { ...fact(id), at } }];
    }
    case 'CommandsSent': {
      const { ids, sentAt: at, interface: by } = event.data;
      return ids.map((id) => ({ contract: commandSent, entityId, data: { ...fact(id), at, interface: by } }));
    }
    case 'ObservationChanged':
    case 'QueueEnded':
      return [];
  }
};
