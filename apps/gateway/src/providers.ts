import type { FileStore } from '@muster/files';
import type { Bus, LiveOptions, LiveSubscription } from '@muster/messaging';

/** What a controller needs of the bus. */
export type Asking = Pick<Bus, 'request'>;
export const ASKING = Symbol('Asking');

/** What a controller needs to hear of one entity's events as they are published. */
export type Following = (options: Omit<LiveOptions, 'logger'>) => Promise<LiveSubscription>;
export const FOLLOWING = Symbol('Following');

/** Where the files of firmwares and uploads are. */
export interface FileParts {
  readonly store: FileStore;
  readonly firmwareMaxBytes: number;
}
export const FILES = Symbol('Files');
