import type { FileStore } from '@muster/files';
import type {
  Bus,
  LiveOptions,
  LiveSubscription,
  StreamExtent,
  Tailed,
  TailOptions,
} from '@muster/messaging';

/** What a controller needs of the bus. */
export type Asking = Pick<Bus, 'request'>;
export const ASKING = Symbol('Asking');

/** What callers are known by: `Door` of http/door.ts. */
export const DOOR = Symbol('Door');

/** What a controller needs to hear of one entity's events as they are published. */
export type Following = (options: Omit<LiveOptions, 'logger'>) => Promise<LiveSubscription>;
export const FOLLOWING = Symbol('Following');

/** What a controller needs to read events on from a place. */
export interface Tailing {
  extentOf(stream: string): Promise<StreamExtent | null>;
  tail(options: Omit<TailOptions, 'logger'>): AsyncGenerator<Tailed, void, void>;
  /** Streams of updates that may be open at once. */
  readonly maxStreams: number;
  /** Sources that they may read together: each is a consumer, and thousands of them are too much for the bus. */
  readonly maxSources: number;
  /** How often a stream says that it is alive. */
  readonly keepAliveMs: number;
}
export const TAILING = Symbol('Tailing');

/** Where the files of firmwares and uploads are. */
export interface FileParts {
  readonly store: FileStore;
  readonly firmwareMaxBytes: number;
  readonly importMaxBytes: number;
}
export const FILES = Symbol('Files');
