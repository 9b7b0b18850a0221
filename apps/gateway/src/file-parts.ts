import type { FileStore } from '@muster/files';

/** Where the files of firmwares and uploads are. */
export interface FileParts {
  readonly store: FileStore;
  readonly firmwareMaxBytes: number;
}

/** Injection token of `FileParts`. */
export const FILES = Symbol('files');
