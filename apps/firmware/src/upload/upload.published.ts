import { uploadStored } from '@muster/contracts/firmware/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { UploadEvent } from './upload.events.js';

/** What others are told of a stored event. */
export const publishedOfUpload = (event: RecordedEvent<UploadEvent>): readonly Published[] => {
  switch (event.type) {
    case 'UploadStored': {
      const { streamId: entityId, version } = event;
      const { deviceId, name, size, sha256, storedAt: at } = event.data;
      const source = event.metadata.actor;
      const data = { uploadId: entityId, version, at, source, deviceId, name, size, sha256 };
      return [{ contract: uploadStored, entityId, data }];
    }
    case 'UploadRemoved':
      return [];
  }
};
