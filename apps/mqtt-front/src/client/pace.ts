import { Allowance, networkOf, type Rate } from '@muster/limits';

export interface PaceOptions {
  readonly device: Rate;
  readonly tenant: Rate;
  /** Tokens that open nothing, by address. */
  readonly guesses: Rate;
}

/**
 * How long a client is not read because of how much its device, its tenant or its address has sent. Charged after the fact,
 * so a device goes into debt by what was already read of it, and never loses a message. In memory: each replica counts what
 * comes to itself.
 */
export class Pace {
  private readonly devices: Allowance;
  private readonly tenants: Allowance;
  private readonly guesses: Allowance;

  constructor({ device, tenant, guesses }: PaceOptions, now?: () => number) {
    this.devices = new Allowance(device, now);
    this.tenants = new Allowance(tenant, now);
    this.guesses = new Allowance(guesses, now);
  }

  /** Counts; answers with the milliseconds that the client is to be left unread. */
  charge({ tenantId, deviceId }: { tenantId: string; deviceId: string }, units = 1): number {
    this.devices.charge(deviceId, units);
    this.tenants.charge(tenantId, units);
    return Math.max(this.devices.msToWait(deviceId), this.tenants.msToWait(tenantId));
  }

  /** The same for a token that opens nothing. */
  guessed(address: string | undefined): number {
    const network = networkOf(address);
    this.guesses.charge(network);
    return this.guesses.msToWait(network);
  }
}
