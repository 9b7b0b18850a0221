/** Connections by what they have below. */
type Connection = object;

/** All that have not shown who they are. */
const STRANGERS = '';

/**
 * Memory for packets that have begun and are not whole, of all clients together. Only large ones count: what is smaller is
 * bounded by the number of connections. Nobody has more than a quarter of it, neither a device nor all strangers together: who
 * begins packets and does not end them keeps others from nothing.
 */
export class BufferRoom {
  private readonly waiting = new Set<() => void>();
  private readonly owners = new WeakMap<Connection, string>();
  private readonly taken = new Map<string, number>();
  private readonly share: number;

  constructor(
    private free: number,
    mostOfOne: number,
  ) {
    this.share = Math.max(free / 4, mostOfOne);
  }

  /** What it takes from now on is taken by this device. */
  isOf(connection: Connection, deviceId: string): void {
    this.owners.set(connection, deviceId);
  }

  ownerOf(connection: Connection): string {
    return this.owners.get(connection) ?? STRANGERS;
  }

  /** False: there is none now; `retry` is called when there may be. */
  take(bytes: number, owner: string, retry: () => void): boolean {
    const own = (this.taken.get(owner) ?? 0) + bytes;
    if (bytes <= this.free && own <= this.share) {
      this.free -= bytes;
      this.taken.set(owner, own);
      return true;
    }
    this.waiting.add(retry);
    return false;
  }

  give(bytes: number, owner: string): void {
    this.free += bytes;
    const own = (this.taken.get(owner) ?? 0) - bytes;
    if (own > 0) this.taken.set(owner, own);
    else this.taken.delete(owner);
    // Each asks again; who finds no room is back in the set.
    for (const retry of [...this.waiting]) {
      this.waiting.delete(retry);
      retry();
    }
  }

  forget(retry: () => void): void {
    this.waiting.delete(retry);
  }
}

/** Smaller packets are not counted. */
export const COUNTED_BYTES = 16_384;

/** What one connection has of it. */
export class RoomShare {
  private bytes = 0;
  private owner = STRANGERS;

  constructor(
    private readonly room: BufferRoom,
    private readonly connection: Connection,
    /** To be asked for again: there may be room now. */
    private readonly retry: () => void,
  ) {}

  /** Takes so much in all, or gives back what is more. False: there is none now. */
  take(wanted: number): boolean {
    const bytes = wanted > COUNTED_BYTES ? wanted : 0;
    const more = bytes - this.bytes;
    if (this.bytes === 0) this.owner = this.room.ownerOf(this.connection);
    if (more > 0 && !this.room.take(more, this.owner, this.retry)) return false;
    this.bytes = bytes;
    if (more < 0) this.room.give(-more, this.owner);
    return true;
  }

  get isTaken(): boolean {
    return this.bytes > 0;
  }

  /** Gives all back, and is not called any more. */
  end(): void {
    this.room.forget(this.retry);
    this.take(0);
  }
}
