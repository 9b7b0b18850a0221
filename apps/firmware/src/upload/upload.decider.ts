import { AppError } from '@muster/contracts';
import type { RemovalReason, UploadEvent, UploadStored } from './upload.events.js';

/** Survives JSON: it is stored beside the stream. */
export interface Upload {
  readonly status: 'absent' | 'stored' | 'removed';
  readonly stored: UploadStored['data'] | null;
}

export const initial: Upload = { status: 'absent', stored: null };

export interface StoreUpload {
  readonly type: 'StoreUpload';
  readonly deviceId: string;
  readonly fileKey: string;
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly contentType?: string;
  readonly at: string;
}

export interface RemoveUpload {
  readonly type: 'RemoveUpload';
  /** Another device's upload is as good as none. */
  readonly deviceId: string;
  readonly reason: RemovalReason;
  readonly at: string;
}

export type UploadCommand = StoreUpload | RemoveUpload;

/** Pure. No events when the command is already satisfied. Throws `file-not-found`. */
export const decide = (command: UploadCommand, { status, stored }: Upload): readonly UploadEvent[] => {
  switch (command.type) {
    case 'StoreUpload': {
      if (status === 'removed') throw notFound();
      if (status === 'stored') return [];
      const { deviceId, fileKey, name, size, sha256, contentType, at: storedAt } = command;
      const type = contentType === undefined ? {} : { contentType };
      const data = { deviceId, fileKey, name, size, sha256, ...type, storedAt };
      return [{ type: 'UploadStored', data }];
    }
    case 'RemoveUpload': {
      if (stored?.deviceId !== command.deviceId) throw notFound();
      if (status === 'removed') return [];
      const { deviceId, fileKey } = stored;
      const data = { deviceId, fileKey, reason: command.reason, removedAt: command.at };
      return [{ type: 'UploadRemoved', data }];
    }
  }
};

const notFound = (): AppError => new AppError('file-not-found', 'No such file.');

export const evolve = (state: Upload, event: UploadEvent): Upload =>
  event.type === 'UploadStored' ? { status: 'stored', stored: event.data } : { ...state, status: 'removed' };

/** The stream `upload-<id>`; the id is the key of its file, so that no file can become two uploads. */
export const upload = { name: 'upload', initial, evolve, decide } as const;
