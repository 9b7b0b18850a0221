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
 * a device that spreads its messages over n of them may send n times as much. For doors that refuse; the MQTT door does not read
 * on instead.
 */
export class RateLimits {
  private readonly devices: Allowance;
  private readonly tenants: Allowance;
  private readonly reasons;

  constructor({ device, tenant }: RateLimitOptions, now: () => number = () => performance.now()) {
    this.devices = new Allowance(device, now);
    this.tenants = new Allowance(tenant, now);
    this.reasons = {
      device: `too many messages: a device may send ${device.perSecond} a second`,
      tenant: `too many messages: the devices of a tenant may send ${tenant.perSecond} a second`,
    };
  }

  /** Counts one message, unless it is over a limit. */
  check({ tenantId, deviceId }: { tenantId: string; deviceId: string }): Pace {
    const limit =
      this.devices.secondsToWait(deviceId) !== undefined
        ? 'device'
        : this.tenants.secondsToWait(tenantId) !== undefined
          ? 'tenant'
          : undefined;
    if (limit === undefined) {
      // Only now: what is over one device's limit must not use up what its tenant's others may send.
      this.devices.charge(deviceId);
      this.tenants.charge(tenantId);
      return PASS;
    }
    return { verdict: 'over', limit, reason: this.reasons[limit] };
  }

  /** Buckets held in memory; for specs. */
  get size(): number {
    return this.devices.size + this.tenants.size;
  }
}
