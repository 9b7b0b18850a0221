import type { DisconnectReason } from '../presence/presence.js';

/** What the list of all needs of a client. */
export interface Listed {
  end(reason: DisconnectReason, why?: string): void;
  /** The same client has connected anew; the broker ends this one. Resolves when the broker has nothing of it under way. */
  supersede(): Promise<void>;
  /** The same client is about to be connected by another front; the broker ends this one. */
  cameElsewhere(): void;
  /** Ends itself if it has been silent, slow or out of its rights for too long. */
  check(now: number): void;
  /** Ends itself if it is out of its rights. */
  review(): void;
}

export interface ClientLimits {
  readonly connectionsPerDevice: number;
}

const CHECK_EVERY_MS = 500;
/** So much later than due says that nothing else was done either. */
const LATE_MS = 3 * CHECK_EVERY_MS;
/** Looked at in a row, before others get their turn. */
const CHECK_SLICE = 500;

/** All clients of this front, and which of them are a device's. */
export class Clients {
  private readonly all = new Set<Listed>();
  private readonly ofDevice = new Map<string, Set<Listed>>();
  /** Those of others that speak for a device, as a gateway does for what is behind it. */
  private readonly behind = new Map<string, Set<Listed>>();
  private readonly ofBrokerId = new Map<string, Listed>();
  private readonly timer: NodeJS.Timeout;
  private lookedAt = performance.now();

  constructor(private readonly limits: ClientLimits) {
    this.timer = setInterval(() => this.check(), CHECK_EVERY_MS);
  }

  /** Clients that have a device. */
  get bound(): number {
    return this.ofBrokerId.size;
  }

  isConnected(brokerId: string): boolean {
    return this.ofBrokerId.has(brokerId);
  }

  cameElsewhere(brokerId: string): void {
    this.ofBrokerId.get(brokerId)?.cameElsewhere();
  }

  add(client: Listed): void {
    this.all.add(client);
  }

  /**
   * It is this device's from now on. The same client's earlier connection gives way; so does, over the limit, the oldest of the
   * device: a device whose connections were lost on the way must not be kept out by them. Resolves when the broker may be asked:
   * it takes CONNECTs that come at once in any order, and of two with one id the later ends the other.
   */
  async bind(client: Listed, deviceId: string, brokerId: string): Promise<void> {
    const settled = this.ofBrokerId.get(brokerId)?.supersede();
    this.ofBrokerId.set(brokerId, client);
    const own = this.ofDevice.get(deviceId) ?? new Set();
    this.ofDevice.set(deviceId, own.add(client));
    const [oldest] = own;
    if (own.size > this.limits.connectionsPerDevice) {
      oldest?.end('limit', `more than ${this.limits.connectionsPerDevice} connections of one device`);
    }
    await settled;
  }

  /** It speaks for this device too, which is not its own. */
  speaksFor(client: Listed, deviceId: string): void {
    this.behind.set(deviceId, (this.behind.get(deviceId) ?? new Set()).add(client));
  }

  remove(client: Listed, of: { deviceId?: string; brokerId?: string; spokeFor: Iterable<string> }): void {
    const { deviceId, brokerId, spokeFor } = of;
    this.all.delete(client);
    if (brokerId !== undefined && this.ofBrokerId.get(brokerId) === client) this.ofBrokerId.delete(brokerId);
    if (deviceId !== undefined) take(this.ofDevice, deviceId, client);
    for (const other of spokeFor) take(this.behind, other, client);
  }

  /** What this device may, or any of them, may have changed. `check` is the net under it. */
  review(deviceId?: string): void {
    const clients =
      deviceId === undefined
        ? [...this.all]
        : [...(this.ofDevice.get(deviceId) ?? []), ...(this.behind.get(deviceId) ?? [])];
    inSlices(clients, (client) => client.review());
  }

  /** Ends all, evenly over that time, and no slower than is needed to spread them. */
  async drain(withinMs: number): Promise<void> {
    clearInterval(this.timer);
    const clients = [...this.all];
    const ms = Math.min(withinMs, clients.length * SPREAD_MS);
    const began = Date.now();
    for (const [index, client] of clients.entries()) {
      const dueMs = began + (ms * index) / clients.length - Date.now();
      if (dueMs >= 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
      client.end('stopping');
    }
    // Who came in the meantime.
    for (const client of [...this.all]) client.end('stopping');
  }

  private check(): void {
    const now = performance.now();
    const isLate = now - this.lookedAt > LATE_MS;
    this.lookedAt = now;
    // This process was stopped, not they silent: what they have said meanwhile is read first.
    if (isLate) return;
    inSlices([...this.all], (client) => client.check(performance.now()));
  }
}

const inSlices = (clients: readonly Listed[], act: (client: Listed) => void): void => {
  const next = (from: number): void => {
    for (const client of clients.slice(from, from + CHECK_SLICE)) act(client);
    if (from + CHECK_SLICE < clients.length) setImmediate(() => next(from + CHECK_SLICE));
  };
  next(0);
};

const take = (from: Map<string, Set<Listed>>, key: string, client: Listed): void => {
  const own = from.get(key);
  own?.delete(client);
  if (own?.size === 0) from.delete(key);
};

/** Between two ends: other fronts take 500 connections a second. */
const SPREAD_MS = 2;
