import { groupChanged, groupCreated, groupDeleted } from '@muster/contracts/device-registry/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { GroupEvent } from './group.events.js';

/** What others are told of a stored event. Pure; the relay publishes it at least once. */
export const publishedOfGroup = (event: RecordedEvent<GroupEvent>): readonly Published[] => {
  const fact = {
    groupId: event.streamId,
    version: event.version,
    at: event.recordedAt,
    actor: event.metadata.actor,
  };
  const changed = (
    field: string,
    { from, to }: { readonly from: string | null; readonly to: string | null },
  ): readonly Published[] => [
    {
      contract: groupChanged,
      entityId: event.streamId,
      data: { ...fact, changes: { [field]: { from, to } } },
    },
  ];
  switch (event.type) {
    case 'GroupCreated': {
      const { name, description, filter } = event.data;
      const described = description === undefined ? {} : { description };
      return [
        {
          contract: groupCreated,
          entityId: event.streamId,
          data: { ...fact, name, ...described, filter },
        },
      ];
    }
    case 'GroupRenamed':
      return changed('name', event.data);
    case 'GroupDescribed':
      return changed('description', event.data);
    case 'GroupFilterChanged':
      return changed('filter', event.data);
    case 'GroupDeleted':
      return [
        {
          contract: groupDeleted,
          entityId: event.streamId,
          data: { ...fact, name: event.data.name },
        },
      ];
  }
};
