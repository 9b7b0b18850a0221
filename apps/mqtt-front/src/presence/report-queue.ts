import type { DoorReport } from '@muster/contracts/device-registry/connectivity.requests';

interface Live {
  readonly opened: DoorReport;
  /** By device. */
  readonly uses: Map<string, DoorReport>;
}

/**
 * What is still to be told of connections, in its order, and what is open. Bounded by what is open and by the devices that
 * were: above `limit` reports, of connections that began and ended without anybody being told, only the last of each device is kept.
 * So what device-registry shows in the end is the same; what is left out is that a device came and went meanwhile.
 */
export class ReportQueue {
  private waiting: DoorReport[] = [];
  private readonly live = new Map<string, Live>();
  /** So many of the first may have been heard, although no answer came. */
  private maybeTold = 0;
  private compactAbove: number;
  /** How many reports were left out. */
  leftOut = 0;

  constructor(private readonly limit: number) {
    this.compactAbove = limit;
  }

  get length(): number {
    return this.waiting.length;
  }

  get open(): number {
    return this.live.size;
  }

  opened(report: DoorReport): void {
    if (this.live.has(report.connection)) return;
    this.live.set(report.connection, { opened: report, uses: new Map() });
    this.add(report);
  }

  used(report: DoorReport): void {
    const live = this.live.get(report.connection);
    const device = deviceOf(report);
    // Over already, or told.
    if (live === undefined || deviceOf(live.opened) === device || live.uses.has(device)) return;
    live.uses.set(device, report);
    this.add(report);
  }

  closed(report: DoorReport): void {
    if (this.live.delete(report.connection)) this.add(report);
  }

  /** The first so many, to be tried to tell. */
  next(most: number): DoorReport[] {
    const batch = this.waiting.slice(0, most);
    this.maybeTold = Math.max(this.maybeTold, batch.length);
    return batch;
  }

  /** The first so many have been told. */
  told(count: number): void {
    this.waiting.splice(0, count);
    this.maybeTold = Math.max(0, this.maybeTold - count);
    if (this.waiting.length < this.limit / 2) this.compactAbove = this.limit;
  }

  /** Nothing of what was told before counts any more: all that is open is told again, and what waits of the rest. */
  tellAnew(): void {
    const rest = this.waiting.filter(({ connection }) => !this.live.has(connection));
    const open = [...this.live.values()].flatMap(({ opened, uses }) => [opened, ...uses.values()]);
    this.waiting = [...rest, ...open];
    this.maybeTold = 0;
  }

  private add(report: DoorReport): void {
    this.waiting.push(report);
    if (this.waiting.length > this.compactAbove) this.compact();
  }

  private compact(): void {
    const head = this.waiting.slice(0, this.maybeTold);
    const tail = this.waiting.slice(this.maybeTold);
    const begun = new Map(
      tail.filter(({ kind }) => kind === 'opened').map((report) => [report.connection, deviceOf(report)]),
    );
    // Who spoke for others as well is rare, and their end is not the end of one device alone.
    for (const { kind, connection } of tail) if (kind === 'used') begun.delete(connection);
    const shown = new Set<string>();
    const out = new Set<string>();
    for (const { kind, connection } of [...tail].reverse()) {
      const device = begun.get(connection);
      if (kind !== 'closed' || device === undefined) continue;
      if (shown.has(device)) out.add(connection);
      shown.add(device);
    }
    this.waiting = [...head, ...tail.filter(({ connection }) => !out.has(connection))];
    this.leftOut += head.length + tail.length - this.waiting.length;
    this.compactAbove = Math.max(this.limit, 2 * this.waiting.length);
  }
}

const deviceOf = ({ tenantId, deviceId }: DoorReport): string => `${tenantId ?? ''}\n${deviceId ?? ''}`;
