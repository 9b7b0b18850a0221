export interface Acknowledge {
  /** All that are delivered and not acknowledged, up to this one, which must be such a one itself. */
  readonly upTo: (deliveryTag: number) => void;
  readonly one: (deliveryTag: number) => void;
}

/**
 * Acknowledges deliveries of one channel in the only cheap way, "all up to here", although they finish in any order: over
 * the prefix that is finished without a gap. Acking each message costs 25–40 % of the throughput. Nothing beyond a gap
 * may be acked that way: it would take the unfinished one along, and a crash would then lose it.
 *
 * A message that stays unfinished for long must not fill the broker's prefetch window with those that are finished behind
 * it: when `most` of them wait, each is acked alone.
 */
export class AckWindow {
  /** In the order of delivery, as a Set keeps it. */
  private readonly underWay = new Set<number>();
  private readonly finished = new Set<number>();
  private scheduled = false;
  private open = true;

  constructor(
    private readonly acknowledge: Acknowledge,
    private readonly most: number,
  ) {}

  /** False: the channel is gone; what is unfinished will be delivered again on another. */
  get isOpen(): boolean {
    return this.open;
  }

  /** Delivered and not finished. */
  get unfinished(): number {
    return this.underWay.size;
  }

  /** Tags count up on a channel. */
  delivered(deliveryTag: number): void {
    this.underWay.add(deliveryTag);
  }

  finish(deliveryTag: number): void {
    if (!this.open || !this.underWay.delete(deliveryTag)) return;
    this.finished.add(deliveryTag);
    if (this.scheduled) return;
    this.scheduled = true;
    // One frame for all that finish in the same turn, which is a batch's worth.
    setImmediate(() => this.flush());
  }

  close(): void {
    this.open = false;
    this.underWay.clear();
    this.finished.clear();
  }

  /** Acks now what can be; for the end, when no further turn may come. */
  flush(): void {
    this.scheduled = false;
    if (!this.open) return;
    const [gap = Number.POSITIVE_INFINITY] = this.underWay;
    let last = 0;
    for (const tag of this.finished) {
      if (tag > gap) continue;
      last = Math.max(last, tag);
      this.finished.delete(tag);
    }
    if (last > 0) this.acknowledge.upTo(last);
    if (this.finished.size < this.most) return;
    for (const tag of this.finished) this.acknowledge.one(tag);
    this.finished.clear();
  }
}
