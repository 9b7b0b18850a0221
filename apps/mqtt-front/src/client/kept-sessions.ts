export interface SessionLimits {
  readonly sessionsPerDevice: number;
}

/** More than a front has clients. */
const MAX_DEVICES = 200_000;

/**
 * The sessions that the broker keeps for clients whose last connection was here, and what they are subscribed to: a client may come
 * with a new id each time, or subscribe to something else each time it is back, and the broker would keep it all. A session goes
 * with its client from front to front (other-fronts.ts): no front ends one whose client is at another.
 */
export class KeptSessions {
  /** By device, then by the id at the broker; the longest without a connection first. */
  private readonly ofDevice = new Map<string, Map<string, Set<string>>>();

  constructor(
    private readonly limits: SessionLimits,
    private readonly isConnected: (brokerId: string) => boolean,
    /** The broker is to forget it. */
    private readonly end: (brokerId: string) => void,
  ) {}

  /**
   * A client is in a session that is kept. Returns the filters that it is subscribed to, for the caller to keep up. Over the
   * limit, the session of the device ends whose client was here longest ago.
   */
  begin(deviceId: string, brokerId: string, isPresent: boolean): Set<string> {
    const sessions = this.ofDevice.get(deviceId) ?? new Map<string, Set<string>>();
    const filters = (isPresent ? sessions.get(brokerId) : undefined) ?? new Set<string>();
    sessions.delete(brokerId);
    sessions.set(brokerId, filters);
    this.ofDevice.delete(deviceId);
    this.ofDevice.set(deviceId, sessions);
    if (sessions.size > this.limits.sessionsPerDevice) {
      const ids = [...sessions.keys()].filter((id) => id !== brokerId);
      const oldest = ids.find((id) => !this.isConnected(id)) ?? ids[0];
      if (oldest !== undefined) {
        sessions.delete(oldest);
        this.end(oldest);
      }
    }
    const [first] = this.ofDevice.keys();
    if (this.ofDevice.size > MAX_DEVICES && first !== undefined) this.ofDevice.delete(first);
    return filters;
  }

  /** What the front at which its client was before knows of a session; it may come before the client is in it, and after. */
  learn(deviceId: string, brokerId: string, filters: readonly string[]): void {
    const sessions = this.ofDevice.get(deviceId) ?? new Map<string, Set<string>>();
    const known = sessions.get(brokerId) ?? new Set<string>();
    for (const filter of filters) known.add(filter);
    sessions.set(brokerId, known);
    this.ofDevice.set(deviceId, sessions);
  }

  /** Its client has come to another front: from now on it counts there. Returns what it is subscribed to. */
  giveAway(deviceId: string, brokerId: string): readonly string[] {
    const filters = [...(this.ofDevice.get(deviceId)?.get(brokerId) ?? [])];
    this.forget(deviceId, brokerId);
    return filters;
  }

  /** A client that keeps none has connected: the broker has forgotten the one that it may have had. */
  forget(deviceId: string, brokerId: string): void {
    const sessions = this.ofDevice.get(deviceId);
    sessions?.delete(brokerId);
    if (sessions?.size === 0) this.ofDevice.delete(deviceId);
  }
}
