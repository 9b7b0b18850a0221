/** How much may come: so many a second, and so many at once after a silence. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface RateLimitOptions {
  readonly device: Rate;
  readonly tenant: Rate;
}

export type Pace =
  | { readonly verdict: 'pass' }
  | {
      readonly verdict: 'over';
      readonly limit: 'device' | 'tenant';
      /** The same text for the same limit. */
      readonly reason: string;
    };

const PASS: Pace = { verdict: 'pass' };
const FORGET_EVERY_MS = 60_000;

/**
 * Token buckets per device and per tenant. In memory: every replica of every adapter counts what passes through itself, so
 * a device that spreads its messages over n of them may send n times as much.
 *
 * A message that waited in front of us, in a broker, says nothing of the pace of its device: a queue of ten minutes comes
 * in seconds. So buckets fill as if the message had come by as much earlier as it may have waited; a device that kept to
 * its rate is then never refused, and one that is too fast all the time gains nothing.
 */
export class RateLimits {
  private readonly devices: Buckets;
  private readonly tenants: Buckets;
  private readonly reasons;
  private forgetAt = 0;

  constructor(
    { device, tenant }: RateLimitOptions,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.devices = new Buckets(device);
    this.tenants = new Buckets(tenant);
    this.reasons = {
      device: `too many messages: a device may send ${device.perSecond} a second`,
      tenant: `too many messages: the devices of a tenant may send ${tenant.perSecond} a second`,
    };
  }

  /** Counts one message, unless it is over a limit. `waitedMs` Infinity: nothing is known of its pace, and it is not counted. */
  check({ tenantId, deviceId }: { tenantId: string; deviceId: string }, waitedMs = 0): Pace {
    if (waitedMs === Infinity) return PASS;
    const now = this.now();
    this.forget(now);
    const since = now - waitedMs;
    const limit = !this.devices.hasRoom(deviceId, now, since)
      ? 'device'
      : !this.tenants.hasRoom(tenantId, now, since)
        ? 'tenant'
        : undefined;
    if (limit === undefined) {
      // Only now: what is over one device's limit must not use up what its tenant's others may send.
      this.devices.take(deviceId, since);
      this.tenants.take(tenantId, since);
      return PASS;
    }
    return { verdict: 'over', limit, reason: this.reasons[limit] };
  }

  /** Buckets held in memory; for specs. */
  get size(): number {
    return this.devices.size + this.tenants.size;
  }

  private forget(now: number): void {
    if (now < this.forgetAt) return;
    this.forgetAt = now + FORGET_EVERY_MS;
    for (const buckets of [this.devices, this.tenants]) buckets.forget(now);
  }
}

/**
 * One number per key (GCRA): when its bucket will be full again. A bucket that is full needs no number, so memory is held
 * for those that were heard of lately.
 */
class Buckets {
  private readonly fullAt = new Map<string, number>();
  /** Milliseconds for one message. */
  private readonly interval: number;
  /** Milliseconds from empty to full. */
  private readonly depth: number;

  constructor({ perSecond, burst }: Rate) {
    this.interval = 1_000 / perSecond;
    this.depth = this.interval * burst;
  }

  get size(): number {
    return this.fullAt.size;
  }

  hasRoom(key: string, now: number, since: number): boolean {
    return Math.max(this.fullAt.get(key) ?? -Infinity, since) + this.interval <= now + this.depth;
  }

  take(key: string, since: number): void {
    this.fullAt.set(key, Math.max(this.fullAt.get(key) ?? -Infinity, since) + this.interval);
  }

  forget(now: number): void {
    for (const [key, fullAt] of this.fullAt) if (fullAt <= now) this.fullAt.delete(key);
  }
}
