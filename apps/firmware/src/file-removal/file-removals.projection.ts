import type { Projection, RecordedEvent } from '@muster/event-store';
import type { FirmwareDeleted } from '../firmware/firmware.events.js';
import type { UploadRemoved } from '../upload/upload.events.js';

/** Files to be removed, written with the event: a process that is killed in between forgets none. */
export const fileRemovalsProjection: Projection = {
  name: 'file-removals',
  handles: ['FirmwareDeleted', 'UploadRemoved'],
  project: async (tx, events) => {
    const removed = events as readonly RecordedEvent<FirmwareDeleted | UploadRemoved>[];
    await tx.query(
      'INSERT INTO file_removals (file_key) SELECT k FROM unnest($1::text[]) AS k ORDER BY k ON CONFLICT DO NOTHING',
      [removed.map(({ data }) => data.fileKey)],
    );
  },
  // A rebuild writes the removals of long ago again. They find no file, which is no fault.
  reset: async (tx) => {
    await tx.query('DELETE FROM file_removals');
  },
};
