import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';

/** A device to be told something. */
export interface PushTarget {
  readonly tenantId: string;
  readonly deviceId: string;
  /**
   * Since when what is put on the wire for it reaches it, sooner or later: it has that, and is not sent it again for having
   * become reachable. Absent: whatever it was sent, it may not have.
   */
  readonly reachableAt?: string;
  /** The version it has just used, which may be another than is on record. */
  readonly appVersion?: string;
  /**
   * Where it has just become reachable, in the words of its interface; over MQTT what it has subscribed to. Nothing is
   * pushed elsewhere, because whoever is reachable there has it. Absent: everywhere.
   */
  readonly channels?: readonly string[];
}

/** One of its tokens: several are several clients that are the device. */
export interface Addressee extends PushTarget {
  readonly token: string;
  /** One that the token may be used with. */
  readonly appVersion: string;
}

/** What is said, at `{extension}/{path}` of the device (1/KP), without request id. */
export interface Push {
  readonly extension: string;
  readonly path: readonly string[];
  readonly body: string;
  /** Not to be delivered after this. Absent: at any time. */
  readonly expiresAt?: string;
}

/** All that an interface brings of its own in order to say things to devices unasked. */
export interface Wire {
  /** Which devices come through this door; it is put on record with every push. */
  readonly interface: DeviceInterface;
  /** Whether this goes to one of the addressee's `channels`. */
  covers(to: Addressee, push: Push): boolean;
  /** As which app versions a token is listened for, for what comes on this extension; empty, and the default: nobody knows. */
  versionsOf?(token: string, extension: string): readonly string[];
  /** Whether somebody is there for it now, as far as is known; absent: nothing is. */
  reaches?(to: Addressee, push: Push): boolean;
  /**
   * Resolves when it is on the wire, with whether somebody was there for it; or with `later`: its turn has not come, and the
   * adapter sees to it that the device is offered it again. Throws `unavailable` when what it goes through is away: it may have
   * been sent or not.
   */
  send(to: Addressee, push: Push): Promise<boolean | 'later'>;
}
