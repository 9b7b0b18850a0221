import { folderChanged, folderCreated, folderDeleted } from '@muster/contracts/device-registry/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { FolderEvent } from './folder.events.js';

/** What others are told of a stored event. Pure; the relay publishes it at least once. */
export const publishedOfFolder = (event: RecordedEvent<FolderEvent>): readonly Published[] => {
  const entityId = event.streamId;
  const fact = {
    folderId: event.streamId,
    version: event.version,
    at: event.recordedAt,
    actor: event.metadata.actor,
  };
  switch (event.type) {
    case 'FolderCreated': {
      const { name, path, parentId } = event.data;
      const within = parentId === null ? {} : { parentId };
      return [{ contract: folderCreated, entityId, data: { ...fact, name, path, ...within } }];
    }
    case 'FolderMoved': {
      const { from, to } = event.data;
      const changes = Object.fromEntries(
        (['name', 'parentId', 'path'] as const)
          .filter((field) => from[field] !== to[field])
          .map((field) => [field, { from: from[field], to: to[field] }]),
      );
      return [{ contract: folderChanged, entityId, data: { ...fact, changes } }];
    }
    case 'FolderDeleted':
      return [{ contract: folderDeleted, entityId, data: { ...fact, path: event.data.path } }];
  }
};
