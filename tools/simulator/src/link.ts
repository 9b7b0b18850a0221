import type { Topic } from '@muster/kp1';

/** How devices reach the platform: over MQTT a connection of their own, over HTTP one request after another. */
export interface Link {
  /** Calls `up` or `down` of its listener, once. */
  open(): void;
  /** Ends without calling `down`. `abruptly`: as if the power went, without saying goodbye. */
  close(abruptly: boolean): void;
  /** Only while up. The answer comes to the listener, on the topic of the reply. */
  publish(topic: Topic, payload: string): void;
}

export interface LinkListener {
  /** Connected, and subscribed where that is necessary. */
  up(): void;
  /** Could not connect, or was cut off. */
  down(why: string): void;
  /** An answer or a push; undefined: on a topic that is none of kp1. */
  received(topic: Topic | undefined, payload: Uint8Array): void;
  /** One message was taken over. */
  acknowledged(): void;
}

/** What an operator gave a device. */
export interface Identity {
  /** 1, 2, 3 … in its fleet. */
  readonly index: number;
  readonly name: string;
  readonly token: string;
  readonly appVersion: string;
  /** Of HTTP devices, besides the token. */
  readonly secret?: string;
  /** Unix milliseconds: since then it has measured and told nobody. Absent: it tells nothing of the past. */
  readonly historyFrom?: number;
  /** The firmware that it runs, where that is not what all devices run at first. */
  readonly version?: string;
}

export type OpenLink = (clientId: string, devices: readonly Identity[], listener: LinkListener) => Link;
