import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@muster/contracts';
import {
  checkCredentials,
  MAX_CHECKED,
  type AuthenticatedDevice,
} from '@muster/contracts/device-registry/credentials.requests';
import {
  certificateAuthorityChanged,
  certificateAuthorityDeleted,
  deviceChanged,
  deviceCredentialChanged,
  deviceDeleted,
  deviceStatusChanged,
} from '@muster/contracts/device-registry/published';
import { followEvents, isEvent, type Bus, type Delivered, type Follower } from '@muster/messaging';
import { newTrace, withTrace, type Logger } from '@muster/observability';
import type { DeviceIdentity } from './identity.js';

/** What an identity rests on. */
interface Ground {
  readonly deviceVersion: number;
  readonly authorityId: string | undefined;
  readonly authorityVersion: number;
  /** Milliseconds; Infinity: never. */
  readonly validUntil: number;
  /** device-registry has said, when it was asked again, that it opens nothing. */
  isOver: boolean;
  /** Whoever lives is asked about all the time. */
  askedAt: number;
}

/** What was closed is remembered so long, and so is an identity that nobody asks about: far longer than a login takes. */
const KEPT_MS = 120_000;
const SWEEP_MS = 10_000;
/** A net under the events. */
const CHECK_EVERY_MS = 15 * 60_000;

/**
 * Whether those who have logged in may stay. What closes a credential, a device or an authority is told by device-registry's
 * events, each with its version; an answer of device-registry holds against every event with a lower or equal version, and
 * against none with a higher one, whichever came first. What events may have been missed is asked for.
 */
export class Revocations {
  private readonly follower: Follower;
  private readonly grounds = new Map<DeviceIdentity, Ground>();
  /** Id of a credential, a device or an authority → the version at which it was closed last, and when that was heard. Oldest first. */
  private readonly closed = new Map<string, { readonly version: number; readonly heardAt: number }>();
  private readonly timers: readonly NodeJS.Timeout[];
  private readonly stopping = new AbortController();
  private checking: Promise<void> = Promise.resolve();
  /** Rises whenever events may have been missed. */
  private round = 0;

  constructor(
    private readonly bus: Bus,
    private readonly logger: Logger,
    /** Something that this device shows opens nothing any more; of any device, where it is not said. */
    private readonly onClosed: (deviceId?: string) => void = () => undefined,
  ) {
    this.follower = followEvents(bus, {
      events: [
        deviceChanged,
        deviceCredentialChanged,
        deviceStatusChanged,
        deviceDeleted,
        certificateAuthorityChanged,
        certificateAuthorityDeleted,
      ],
      logger,
      onStart: () => this.checkAll(),
      onEvent: (event) => this.hear(event),
    });
    this.timers = [
      setInterval(() => this.forget(), SWEEP_MS),
      setInterval(() => this.checkAll(), CHECK_EVERY_MS),
    ];
  }

  /** Whether what is taken back is heard of. */
  isFollowing(): boolean {
    return this.follower.isFollowing();
  }

  /** Asks who somebody is, while nothing can be taken back unheard. Throws what `ask` throws, and `unavailable`. */
  async during(ask: () => Promise<AuthenticatedDevice>): Promise<DeviceIdentity> {
    for (let tries = 0; tries < 3 && this.isFollowing(); tries += 1) {
      const { round } = this;
      const answer = await ask();
      if (round === this.round) return this.hold(answer);
    }
    throw new AppError('unavailable', 'What device-registry tells cannot be followed now.', {
      retryAfterSeconds: 1,
    });
  }

  /** To be asked again and again, at least every minute, for as long as the identity is used. */
  stillHolds(identity: DeviceIdentity): boolean {
    const ground = this.grounds.get(identity);
    if (ground === undefined) return false;
    ground.askedAt = performance.now();
    const { deviceVersion, authorityId, authorityVersion } = ground;
    return !(
      ground.isOver ||
      ground.validUntil <= Date.now() ||
      this.isClosedSince(identity.credentialId, deviceVersion) ||
      this.isClosedSince(identity.deviceId, deviceVersion) ||
      (authorityId !== undefined && this.isClosedSince(authorityId, authorityVersion))
    );
  }

  async stop(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    this.stopping.abort();
    await this.follower.stop();
    await this.checking;
  }

  private hold(answer: AuthenticatedDevice): DeviceIdentity {
    const { tenantId, deviceId, credentialId, kind: by } = answer;
    const identity: DeviceIdentity = { kind: 'device', tenantId, deviceId, credentialId, by };
    this.grounds.set(identity, {
      deviceVersion: answer.deviceVersion,
      authorityId: answer.authorityId,
      authorityVersion: answer.authorityVersion ?? 0,
      validUntil: answer.validUntil === null ? Infinity : Date.parse(answer.validUntil),
      isOver: false,
      askedAt: performance.now(),
    });
    return identity;
  }

  private isClosedSince(id: string, version: number): boolean {
    const closed = this.closed.get(id);
    return closed !== undefined && closed.version > version;
  }

  private hear(event: Delivered): void {
    if (isEvent(event, deviceCredentialChanged)) {
      const { credentialId, status, opens = status === 'active', version } = event.data;
      if (!opens) this.close(credentialId, version, event.entityId);
    } else if (isEvent(event, deviceStatusChanged)) {
      if (!event.data.opens) this.close(event.entityId, event.data.version, event.entityId);
    } else if (isEvent(event, deviceChanged)) {
      // Whoever comes through another door from now on is not to stay at this one.
      if (Object.hasOwn(event.data.changes, 'interface'))
        this.close(event.entityId, event.data.version, event.entityId);
    } else if (isEvent(event, certificateAuthorityChanged)) {
      if (!event.data.opens) this.close(event.entityId, event.data.version);
    } else if (isEvent(event, deviceDeleted)) {
      this.close(event.entityId, event.data.version, event.entityId);
    } else if (isEvent(event, certificateAuthorityDeleted)) {
      this.close(event.entityId, event.data.version);
    }
  }

  /** Ids are unique over all kinds of things. */
  private close(id: string, version: number, deviceId?: string): void {
    this.closed.delete(id);
    this.closed.set(id, { version, heardAt: performance.now() });
    this.onClosed(deviceId);
  }

  private forget(): void {
    const now = performance.now();
    for (const [identity, { askedAt }] of this.grounds) {
      if (askedAt + KEPT_MS < now) this.grounds.delete(identity);
    }
    for (const [id, { heardAt }] of this.closed) {
      if (heardAt + KEPT_MS >= now) break;
      this.closed.delete(id);
    }
  }

  private checkAll(): void {
    this.round += 1;
    const { round } = this;
    this.checking = this.checking.then(() => withTrace(newTrace(), () => this.check(round)));
  }

  /** Asks device-registry about all there are, for as long as it takes, or until there is reason to begin anew. */
  private async check(round: number): Promise<void> {
    const { signal } = this.stopping;
    const left = new Map(this.grounds);
    for (let failures = 0; left.size > 0 && round === this.round && !signal.aborted;) {
      const some = [...left].slice(0, MAX_CHECKED);
      try {
        const uses = some.map(([{ tenantId, deviceId, credentialId }, { authorityId }]) => ({
          ...{ tenantId, deviceId, credentialId },
          ...(authorityId === undefined ? {} : { authorityId }),
        }));
        const { open } = await this.bus.request(
          checkCredentials,
          { interface: 'mqtt', uses },
          { timeoutMs: 10_000 },
        );
        for (const [index, [identity, ground]] of some.entries()) {
          if (open[index] === false) ground.isOver = true;
          left.delete(identity);
        }
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 1 || failures % 60 === 0) {
          this.logger.warn({ err: error, left: left.size }, 'who has logged in cannot be looked at anew yet');
        }
        await sleep(Math.min(1_000, 100 * 2 ** failures), undefined, { signal }).catch(() => undefined);
      }
    }
  }
}
