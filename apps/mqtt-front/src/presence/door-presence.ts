import { setTimeout as pause } from 'node:timers/promises';
import { isPassing, newId } from '@muster/contracts';
import {
  reportConnections,
  type DoorReport,
  type ReportConnections,
} from '@muster/contracts/device-registry/connectivity.requests';
import type { Bus } from '@muster/messaging';
import { int, newTrace, withTrace, type Logger, type Metrics } from '@muster/observability';
import type { Presence } from './presence.js';
import { ReportQueue } from './report-queue.js';

export const presenceKeys = {
  leaseSeconds: int({
    env: 'MUSTER_MQTT_LEASE_SECONDS',
    doc: 'When a process of the door has said nothing for so long, its devices are shown as disconnected (`door-lost`)',
    unit: 'seconds',
    min: 3,
    max: 3_600,
    default: 15,
  }),
};

const BATCH = 500;
/** Each request is a transaction that no other overlaps: what comes together goes together. */
const GATHER_MS = 50;
const AGAIN_MS = [100, 500, 2_000];
/** About as many as 30 MB hold. */
const MOST_WAITING = 100_000;
const STOP_WITHIN_MS = 5_000;
/** A clock or a line that fails once must not cost the lease. */
const RENEWALS_PER_LEASE = 3;
const MOST_CLIENT_ID = 128;

export interface PresenceParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly leaseSeconds: number;
  /** Sets a report aside that device-registry cannot digest. */
  readonly park: (door: string, report: DoorReport, reason: string) => Promise<void>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly mostWaiting?: number;
}

/**
 * Tells device-registry of connections, in batches and in order, one request at a time, as often as it takes; and that the
 * door is there, by a lease that each request renews. Nothing is lost while the process lives. When the lease has lapsed all
 * the same (the process was frozen, or away from the bus for longer), it begins another life under another id and tells anew of
 * all that is open.
 */
export class DoorPresence implements Presence {
  private readonly queue: ReportQueue;
  private readonly reported;
  private readonly waiting;
  private door = newId();
  private isNew = true;
  private isKnown = false;
  private leftOut = 0;
  private readonly stopping = new AbortController();
  private stopAt = Infinity;
  private wake: () => void = () => undefined;
  private readonly running: Promise<void>;

  constructor(private readonly parts: PresenceParts) {
    this.queue = new ReportQueue(parts.mostWaiting ?? MOST_WAITING);
    this.reported = parts.metrics.counter('muster_mqtt_connection_reports_total', 'Reports of connections', [
      'kind',
      'outcome',
    ]);
    this.waiting = parts.metrics.gauge(
      'muster_mqtt_connection_reports_waiting',
      'Reports of connections that device-registry has not been told yet',
    );
    this.running = this.run();
  }

  opened({ connection, at, address, clientId, ...device }: Parameters<Presence['opened']>[0]): void {
    const { tenantId, deviceId, transport, protocol } = device;
    this.queue.opened({
      kind: 'opened',
      connection,
      at: at.toISOString(),
      tenantId,
      deviceId,
      transport,
      protocol,
      clientId: storable(clientId),
      ...(address === undefined ? {} : { address }),
    });
    this.added();
  }

  used({ connection, tenantId, deviceId, at }: Parameters<Presence['used']>[0]): void {
    this.queue.used({ kind: 'used', connection, tenantId, deviceId, at: at.toISOString() });
    this.added();
  }

  closed({ connection, reason, at }: Parameters<Presence['closed']>[0]): void {
    this.queue.closed({ kind: 'closed', connection, reason, at: at.toISOString() });
    this.added();
  }

  isReady(): boolean {
    return this.isKnown;
  }

  async stop(): Promise<void> {
    this.stopAt = Date.now() + STOP_WITHIN_MS;
    this.stopping.abort();
    this.wake();
    await this.running;
  }

  private added(): void {
    this.waiting.set(this.queue.length);
    this.wake();
  }

  private async run(): Promise<void> {
    const renewMs = (this.parts.leaseSeconds * 1_000) / RENEWALS_PER_LEASE;
    while (!this.stopping.signal.aborted) {
      await this.tellAll();
      if (this.queue.length === 0) await this.something(renewMs);
      await this.rest(GATHER_MS);
    }
    while (this.queue.length > 0 && Date.now() < this.stopAt) await this.tell(this.queue.next(BATCH));
    await this.giveBack();
  }

  /** What waits, or nothing, which renews the lease. */
  private async tellAll(): Promise<void> {
    do await this.tell(this.queue.next(BATCH));
    while (this.queue.length >= BATCH && !this.stopping.signal.aborted);
  }

  /** Resolves when it was heard, or `stop` has no time left. */
  private async tell(batch: readonly DoorReport[]): Promise<void> {
    for (let failures = 0; Date.now() < this.stopAt; failures += 1) {
      try {
        const { lapsed, outcomes } = await this.ask({ reports: [...batch] });
        if (lapsed) {
          this.beginAnew();
          return;
        }
        this.isNew = false;
        this.isKnown = true;
        this.queue.told(batch.length);
        for (const [index, { kind }] of batch.entries()) {
          this.reported.inc({ kind, outcome: outcomes[index]?.code ?? 'told' });
        }
        this.afterwards();
        return;
      } catch (error) {
        const { logger } = this.parts;
        if (failures === 0) logger.warn({ err: error, waiting: this.queue.length }, 'presence is told later');
        if (!isPassing(error) && batch.length > 1) {
          // One of them cannot be digested; it must not hold up the others.
          return this.tell(batch.slice(0, Math.ceil(batch.length / 2)));
        }
        if (!isPassing(error) && failures >= AGAIN_MS.length && (await this.isParked(batch[0], error)))
          return;
        await pause(AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]);
      }
    }
  }

  private ask(told: Pick<ReportConnections, 'reports'> & { leaseSeconds?: number }) {
    const { bus, leaseSeconds } = this.parts;
    const { door, isNew } = this;
    const left = Math.max(1, this.stopAt - Date.now());
    const timeoutMs = Math.min(left, (leaseSeconds * 1_000) / RENEWALS_PER_LEASE);
    return withTrace(newTrace(), () =>
      bus.request(reportConnections, { door, isNew, leaseSeconds, ...told }, { timeoutMs }),
    );
  }

  private beginAnew(): void {
    this.parts.logger.warn(
      { door: this.door, connections: this.queue.open },
      'the lease of the door had lapsed',
    );
    this.door = newId();
    this.isNew = true;
    this.queue.tellAnew();
    this.added();
  }

  private afterwards(): void {
    this.waiting.set(this.queue.length);
    const leftOut = this.queue.leftOut - this.leftOut;
    if (leftOut === 0) return;
    this.leftOut += leftOut;
    this.reported.inc({ kind: 'none', outcome: 'left-out' }, leftOut);
    this.parts.logger.warn({ reports: leftOut }, 'who came and went while nobody could be told is not told');
  }

  private async isParked(report: DoorReport | undefined, cause: unknown): Promise<boolean> {
    if (report === undefined) return false;
    this.parts.logger.error({ err: cause, kind: report.kind }, 'a report of a connection was parked');
    try {
      await this.parts.park(this.door, report, cause instanceof Error ? cause.message : String(cause));
    } catch (error) {
      this.parts.logger.error({ err: error }, 'a report could not be parked yet');
      return false;
    }
    this.queue.told(1);
    this.reported.inc({ kind: report.kind, outcome: 'parked' });
    return true;
  }

  /** What is still open is over then: this process ends. */
  private async giveBack(): Promise<void> {
    if (this.isNew) return;
    try {
      await this.ask({ reports: [], leaseSeconds: 0 });
    } catch (error) {
      this.parts.logger.warn(
        { err: error, waiting: this.queue.length },
        'the lease of the door lapses by itself',
      );
    }
  }

  private something(withinMs: number): Promise<void> {
    if (this.stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async rest(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}

/** PostgreSQL holds no NUL in a text. */
const storable = (clientId: string): string => clientId.replaceAll('\0', '\ufffd').slice(0, MOST_CLIENT_ID);
