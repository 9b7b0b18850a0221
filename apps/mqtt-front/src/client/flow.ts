import type { Duplex } from 'node:stream';
import type { Packet } from 'mqtt-packet';
import { RoomShare, type BufferRoom } from './buffer-room.js';
import { SLICE_BYTES, type PacketReader } from './packet-reader.js';

/** Why a client is not read. */
type Hold =
  /** A packet of it is not finished, and the next must not overtake it. */
  | 'working'
  | 'pace'
  /** The broker takes no more at the moment. */
  | 'broker'
  /** It does not take what it is sent. */
  | 'client'
  /** No memory for the packet that it has begun. */
  | 'room';

export interface FlowEvents {
  /** A promise: the next packet waits for it. */
  packet(packet: Packet): void | Promise<void>;
  /** It does not keep to MQTT, or to a limit; nothing is read any more. */
  fault(why: string): void;
  /** The other end is gone. Once, and not after `end`. */
  ended(): void;
  /** The client does not take what it is sent, until `emptied`. */
  filled(): void;
  emptied(): void;
  /** Around what comes of one reading. */
  begin(): void;
  done(): void;
}

const LINGER_MS = 2_000;

/**
 * The bytes of one client in both directions. What it sends is read slice by slice and packet by packet, and not at all while
 * anything holds it; TCP keeps the rest. So neither a fast sender nor a slow reader takes more memory than a socket's buffers.
 */
export class Flow {
  /** `performance.now()` of the last bytes, or of when it was read again. */
  heardAt = performance.now();
  /** Since when it takes nothing. */
  stalledSince: number | undefined;
  /** Since when a packet of it has been coming. */
  begunAt: number | undefined;
  private readonly packets: Packet[] = [];
  private next = 0;
  private rest: Buffer | undefined;
  private readonly holds = new Set<Hold>();
  private isOver = false;
  /** Nothing comes from it any more; what came is still dealt with, in its time. */
  private isGone = false;
  private isRunning = false;
  private readonly share: RoomShare;
  private paceTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly stream: Duplex,
    private readonly reader: PacketReader,
    room: BufferRoom,
    connection: object,
    private readonly events: FlowEvents,
  ) {
    this.share = new RoomShare(room, connection, () => {
      if (this.reserve()) this.release('room');
    });
    stream.on('data', (bytes: Buffer) => this.receive(bytes));
    stream.on('drain', () => this.drained());
    stream.on('error', () => undefined); // 'close' follows
    stream.on('end', () => this.gone());
    stream.on('close', () => this.gone());
  }

  get isHeld(): boolean {
    return this.holds.size > 0;
  }

  hold(why: Hold): void {
    this.holds.add(why);
    this.stream.pause();
  }

  release(why: Hold): void {
    if (!this.holds.delete(why) || this.holds.size > 0) return;
    this.heardAt = performance.now();
    if (this.begunAt !== undefined) this.begunAt = this.heardAt;
    this.run();
  }

  /** Not read for so many milliseconds. */
  leaveUnread(ms: number): void {
    if (this.isOver) return;
    clearTimeout(this.paceTimer);
    this.hold('pace');
    this.paceTimer = setTimeout(() => this.release('pace'), ms);
  }

  /** What is written meanwhile goes out together. */
  together(act: () => void): void {
    this.stream.cork();
    act();
    this.stream.uncork();
  }

  write(bytes: Buffer): void {
    if (this.isOver || this.isGone || this.stream.write(bytes) || this.holds.has('client')) return;
    this.stalledSince = performance.now();
    this.hold('client');
    this.events.filled();
  }

  /** The last that is said. What still comes is thrown away, so that it is not cut off by a reset. */
  end(last?: Buffer): void {
    if (this.isOver) return;
    this.over();
    if (last === undefined) {
      this.stream.destroy();
      return;
    }
    const late = setTimeout(() => this.stream.destroy(), LINGER_MS);
    this.stream.once('close', () => clearTimeout(late));
    this.stream.end(last);
    this.stream.resume();
  }

  private over(): void {
    this.isOver = true;
    clearTimeout(this.paceTimer);
    this.share.end();
    this.packets.length = 0;
    this.rest = undefined;
  }

  /** A stream that is paused tells its end all the same, before what we hold has been dealt with: a client may say it all and leave. */
  private gone(): void {
    if (this.isOver || this.isGone) return;
    this.isGone = true;
    // It takes nothing more, and a packet that is not whole never will be.
    this.stalledSince = undefined;
    if (this.holds.delete('client')) this.events.emptied();
    this.holds.delete('room');
    this.run();
  }

  private finish(): void {
    this.over();
    this.stream.destroy();
    this.events.ended();
  }

  private receive(bytes: Buffer): void {
    if (this.isOver) return;
    this.heardAt = performance.now();
    this.rest = this.rest === undefined ? bytes : Buffer.concat([this.rest, bytes]);
    this.run();
  }

  private drained(): void {
    if (this.isOver || !this.holds.has('client')) return;
    this.stalledSince = undefined;
    this.events.emptied();
    this.release('client');
  }

  private isEnded(): boolean {
    return this.isOver;
  }

  private run(): void {
    if (this.isRunning || this.isOver) return;
    this.isRunning = true;
    this.stream.cork();
    this.events.begin();
    while (!this.isEnded() && this.holds.size === 0 && this.step());
    this.events.done();
    this.stream.uncork();
    this.isRunning = false;
    if (this.isEnded()) return;
    if (this.holds.size > 0) this.stream.pause();
    else if (this.isGone) this.finish();
    else this.stream.resume();
  }

  /** False: there is nothing to do until more comes. */
  private step(): boolean {
    const packet = this.packets[this.next];
    if (packet !== undefined) {
      this.next += 1;
      const work = this.events.packet(packet);
      if (work !== undefined) {
        this.hold('working');
        void work.finally(() => this.release('working'));
      }
      return true;
    }
    this.packets.length = 0;
    this.next = 0;
    if (this.reader.fault !== undefined) {
      this.events.fault(this.reader.fault);
      return false;
    }
    if (this.rest === undefined) return false;
    const slice = this.rest.subarray(0, SLICE_BYTES);
    this.rest = this.rest.length > SLICE_BYTES ? this.rest.subarray(SLICE_BYTES) : undefined;
    this.packets.push(...this.reader.push(slice));
    this.begunAt = this.reader.isWhole ? undefined : (this.begunAt ?? performance.now());
    this.reserve();
    return true;
  }

  /** Memory for what it has begun. */
  private reserve(): boolean {
    const isThere = this.share.take(this.reader.fault === undefined ? this.reader.awaited : 0);
    if (!isThere && !this.isGone) this.hold('room');
    return isThere;
  }
}
