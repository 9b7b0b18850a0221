import { Allowance, type Rate } from '@muster/limits';

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

/**
 * Token buckets per device and per tenant. In memory: every replica of every adapter counts what passes through itself, so
 * a device that spreads its messages over n of them may send n times as much.
 *
 * A message that waited in front of us, in a broker, says nothing of the pace of its device: a queue of ten minutes comes
 * in seconds. So buckets fill as if the message had come by as much earlier as it may have waited; a device that kept to
 * its rate is then never refused, and one that is too fast all the time gains nothing.
 */
export class RateLimits {
  private readonly devices: Allowance;
  private readonly tenants: Allowance;
  private readonly reasons;

  constructor(
    { device, tenant }: RateLimitOptions,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.devices = new Allowance(device, now);
    this.tenants = new Allowance(tenant, now);
    this.reasons = {
      device: `too many messages: a device may send ${device.perSecond} a second`,
      tenant: `too many messages: the devices of a tenant may send ${tenant.perSecond} a second`,
    };
  }

  /** Counts one message, unless it is over a limit. `waitedMs` Infinity: nothing is known of its pace, and it is not counted. */
  check({ tenantId, deviceId }: { tenantId: string; deviceId: string }, waitedMs = 0): Pace {
    if (waitedMs === Infinity) return PASS;
    const since = this.now() - waitedMs;
    const limit =
      this.devices.secondsToWait(deviceId, since) !== undefined
        ? 'device'
        : this.tenants.secondsToWait(tenantId, since) !== undefined
          ? 'tenant'
          : undefined;
    if (limit === undefined) {
      // Only now: what is over one device's limit must not use up what its tenant's others may send.
      this.devices.charge(deviceId, 1, since);
      this.tenants.charge(tenantId, 1, since);
      return PASS;
    }
    return { verdict: 'over', limit, reason: this.reasons[limit] };
  }

  /** Buckets held in memory; for specs. */
  get size(): number {
    return this.devices.size + this.tenants.size;
  }
}
