import type { JsonValue } from '@muster/contracts';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';

/** `id` is the number that the device sees. */
export interface CommandCreated {
  readonly type: 'CommandCreated';
  readonly data: {
    readonly id: number;
    /** Absent: none; null is a payload. */
    readonly payload?: JsonValue;
    readonly createdAt: string;
    readonly expiresAt: string;
  };
}

/** The device answered 2xx. */
export interface CommandExecuted {
  readonly type: 'CommandExecuted';
  readonly data: DeviceAnswer;
}

/** The device answered anything else. */
export interface CommandFailed {
  readonly type: 'CommandFailed';
  readonly data: DeviceAnswer;
}

/** The device answered when the command was expired or cancelled already. Its first answer only. */
export interface CommandAnsweredLate {
  readonly type: 'CommandAnsweredLate';
  readonly data: DeviceAnswer;
}

export interface DeviceAnswer {
  readonly id: number;
  readonly statusCode: number;
  readonly reasonPhrase?: string;
  /** Absent: none; null is a result. */
  readonly result?: JsonValue;
  readonly answeredAt: string;
}

/** `expiredAt` is what the command had as `expiresAt`, however much later it was noticed. */
export interface CommandExpired {
  readonly type: 'CommandExpired';
  readonly data: { readonly id: number; readonly expiredAt: string };
}

/** By an operator, or because the device was deleted. */
export interface CommandCancelled {
  readonly type: 'CommandCancelled';
  readonly data: { readonly id: number; readonly cancelledAt: string };
}

/** The device was given them: it asked, or somebody was there for the push. Once for each command, however often. */
export interface CommandsSent {
  readonly type: 'CommandsSent';
  readonly data: {
    readonly ids: readonly number[];
    readonly interface: DeviceInterface;
    readonly sentAt: string;
  };
}

/** The device asked to be sent commands of this type, or not to be. */
export interface ObservationChanged {
  readonly type: 'ObservationChanged';
  readonly data: { readonly observe: boolean; readonly changedAt: string };
}

/** The device was deleted. The last event of the stream. */
export interface QueueEnded {
  readonly type: 'QueueEnded';
  readonly data: { readonly endedAt: string };
}

export type CommandEvent =
  | CommandCreated
  | CommandExecuted
  | CommandFailed
  | CommandAnsweredLate
  | CommandExpired
  | CommandCancelled
  | CommandsSent
  | ObservationChanged
  | QueueEnded;
