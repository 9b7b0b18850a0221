import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { DeviceTypeSettings } from '@muster/contracts/device-registry/device-types.requests';
import type { Topic } from '@muster/kp1';
import type { Waiter } from './micro-batcher.js';

/** What a request says of itself by its topic. Not the token: whose it is has been found out by then. */
export type RequestTopic = Pick<Topic, 'appVersion' | 'extension' | 'path' | 'requestId'>;

/** A message of a device that may send it, on a resource that exists. */
export interface RoutedMessage extends Waiter {
  readonly topic: RequestTopic;
  /** Values of the `{name}` levels of the resource's path. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly payload: Buffer;
  /** When the door had it: Unix microseconds, no two alike. */
  readonly arrivedAt: number;
  readonly entry: AccessEntry;
  readonly settings: DeviceTypeSettings;
  readonly redelivered: boolean;
  readonly duplicate: boolean;
}

/** An answer that says nothing true any more after a while. */
export interface PassingReply {
  readonly body: string;
  readonly expiresAt: string;
}

/**
 * Resolves with the body of the answer, after the service has done its work for good. Throws `PayloadError` or `AppError`
 * for what the device is told, `Abandoned`, or anything else for a bug of ours.
 */
export type Route = (message: RoutedMessage) => Promise<string | PassingReply>;
