import { createHash } from 'node:crypto';
import { EventLog, type HubEvent } from './event-log.js';
import type { Faults } from './faults.js';

export interface EndpointOptions {
  /** Name of the event hub. */
  readonly name: string;
  readonly partitions: number;
  readonly retentionMs: number;
  /** Kept per partition at most, whatever their age: all are in memory. */
  readonly maxEventsPerPartition: number;
  readonly consumerGroups: readonly string[];
}

/** The Event Hubs-compatible endpoint `events`: where a device's events go, in which order, and how long they are kept. */
export class BuiltInEndpoint {
  readonly name: string;
  readonly createdAt: number;
  private readonly logs: ReadonlyMap<string, EventLog>;
  private readonly groups: Set<string>;
  private readonly listeners = new Set<() => void>();
  private delayed: { readonly dueAt: number; readonly deviceId: string; readonly event: HubEvent }[] = [];

  constructor(
    private readonly options: EndpointOptions,
    private readonly faults: Faults,
    now: number,
  ) {
    this.name = options.name;
    this.createdAt = now;
    this.logs = new Map(
      Array.from({ length: options.partitions }, (_, index) => [`${index}`, new EventLog()]),
    );
    this.groups = new Set(['$default', ...options.consumerGroups.map((name) => name.toLowerCase())]);
  }

  /** All events of a device are in one partition, in the order in which they came. */
  publish(deviceId: string, event: HubEvent, now: number): void {
    const delay = this.faults.strike('event-delay', (fault) => matches(fault.deviceId, deviceId));
    if (delay !== undefined) this.delayed.push({ dueAt: now + delay.ms, deviceId, event });
    else this.append(deviceId, event, now);
  }

  tick(now: number): void {
    const due = this.delayed.filter(({ dueAt }) => dueAt <= now);
    if (due.length > 0) {
      this.delayed = this.delayed.filter(({ dueAt }) => dueAt > now);
      for (const { deviceId, event } of due) this.append(deviceId, event, now);
    }
    const { retentionMs, maxEventsPerPartition } = this.options;
    for (const log of this.logs.values()) log.forget(now - retentionMs, maxEventsPerPartition);
  }

  get partitionIds(): readonly string[] {
    return [...this.logs.keys()];
  }

  partition(id: string): EventLog | undefined {
    return this.logs.get(id);
  }

  isHeld(partitionId: string): boolean {
    return this.faults.of('partition-hold').some((fault) => fault.partitionId === partitionId);
  }

  partitionOf(deviceId: string): string {
    const hash = createHash('sha256').update(deviceId).digest().readUInt32BE(0);
    return `${hash % this.logs.size}`;
  }

  hasConsumerGroup(name: string): boolean {
    return this.groups.has(name.toLowerCase());
  }

  addConsumerGroup(name: string): void {
    this.groups.add(name.toLowerCase());
  }

  /** Calls `listener` whenever there may be more to read. Returns how to end that. */
  onMore(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  notify(): void {
    for (const listener of this.listeners) listener();
  }

  private append(deviceId: string, event: HubEvent, now: number): void {
    const log = this.logs.get(this.partitionOf(deviceId));
    log?.append(event, now);
    if (this.faults.strike('event-duplicate', (fault) => matches(fault.deviceId, deviceId)) !== undefined) {
      log?.append(event, now);
    }
    this.notify();
  }
}

const matches = (wanted: string | undefined, deviceId: string): boolean =>
  wanted === undefined || wanted === deviceId;
