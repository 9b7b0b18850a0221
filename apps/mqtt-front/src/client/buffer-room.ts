/**
 * Memory for packets that have begun and are not whole, of all clients together. Only large ones count: what is smaller is
 * bounded by the number of connections.
 */
export class BufferRoom {
  private readonly waiting = new Set<() => void>();

  constructor(private free: number) {}

  /** False: there is none now; `retry` is called when there may be. */
  take(bytes: number, retry: () => void): boolean {
    if (bytes <= this.free) {
      this.free -= bytes;
      return true;
    }
    this.waiting.add(retry);
    return false;
  }

  give(bytes: number): void {
    this.free += bytes;
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

/** What one of them has of it. */
export class RoomShare {
  private bytes = 0;

  constructor(
    private readonly room: BufferRoom,
    /** To be asked for again: there may be room now. */
    private readonly retry: () => void,
  ) {}

  /** Takes so much in all, or gives back what is more. False: there is none now. */
  take(wanted: number): boolean {
    const bytes = wanted > COUNTED_BYTES ? wanted : 0;
    const more = bytes - this.bytes;
    if (more > 0 && !this.room.take(more, this.retry)) return false;
    this.bytes = bytes;
    if (more < 0) this.room.give(-more);
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
