import type { HistoryItem } from '@muster/contracts/configuration/requests';
import type { RecordedEvent } from '@muster/event-store';
import type { ConfigurationEvent } from '../device-configuration/device-configuration.events.js';
import { timeOf } from './moments.js';

/** A change of which older events may tell that it was confirmed from the start: it came back to a confirmed document. */
interface Open {
  readonly configId: string;
  readonly changedAt: string;
  readonly items: readonly HistoryItem[];
  /** What the device said last of the document, as far as it was the current one then: the next older change tells. */
  said?: 'applied' | 'rejected';
  /** Before that it was sent another document, or offered this one anew. */
  outdated?: boolean;
}

/**
 * Finds out when the changes of a device's document were confirmed, from its events newest first: `confirmedAt` is what
 * `evolve` makes of them from the beginning, without reading from the beginning. In short: a document is confirmed by
 * the first `ConfigurationApplied` that names it while it is current; and from the start, when the device had confirmed
 * that document before and was sent no other since.
 */
export class Confirmations {
  /** Of the events after the change that comes next and before `newer`: the first that applied each document. */
  private applied = new Map<string, string>();
  /** Of the same events: the documents that the device said something of. */
  private reported = new Set<string>();
  /** The change that was met last. */
  private newer: { readonly configId: string; readonly confirmedAt: string | undefined } | undefined;
  private open: Open[] = [];

  /** True while a change has been met of which older events may still tell. */
  get waiting(): boolean {
    return this.open.length > 0;
  }

  /**
   * The event, and the items of it that are shown, which get their `confirmedAt` now or later. Of a page that begins in
   * the middle, first the newer events, without items, back to the change after the one the page begins with.
   */
  take(event: RecordedEvent<ConfigurationEvent>, items: readonly HistoryItem[]): void {
    switch (event.type) {
      case 'ConfigurationApplied':
        this.applied.set(event.data.configId, timeOf(event));
        this.saidOf(event.data.configId, 'applied');
        return;
      case 'ConfigurationRejected':
        this.saidOf(event.data.configId, 'rejected');
        return;
      case 'ConfigurationReoffered':
        this.outdate((configId) => configId === event.data.configId);
        return;
      case 'ConfigurationDispatched':
        if (event.data.subscriber) this.outdate((configId) => configId !== event.data.configId);
        return;
      case 'DesiredConfigurationChanged':
        this.settle(event.data.configId);
        this.change(event.data.configId, timeOf(event), items);
        return;
      case 'StateReported':
      case 'ObservationChanged':
      case 'ConfigurationEnded':
        return;
    }
  }

  private change(configId: string, changedAt: string, items: readonly HistoryItem[]): void {
    // A newer change of whose values these are left the document as it was: what confirmed it then confirms it here.
    const later = this.newer?.configId === configId ? this.newer.confirmedAt : undefined;
    const confirmedAt = this.applied.get(configId) ?? later;
    this.newer = { configId, confirmedAt };
    this.applied = new Map();
    this.reported = new Set();
    if (confirmedAt !== undefined) confirm(items, confirmedAt);
    // Confirmed later, it may have been from the start as well: refused or replaced in between.
    if (items.length > 0) this.open.push({ configId, changedAt, items });
  }

  private saidOf(configId: string, said: 'applied' | 'rejected'): void {
    this.reported.add(configId);
    for (const open of this.open) if (open.configId === configId) open.said ??= said;
  }

  private outdate(concerns: (configId: string) => boolean): void {
    this.open = this.open.filter((open) => {
      if (!concerns(open.configId)) return true;
      open.outdated = true;
      return open.said !== undefined;
    });
  }

  /** `current` was the document until now: what was said of another one while it was did not count. */
  private settle(current: string): void {
    this.open = this.open.filter((open) => {
      if (open.configId !== current) {
        delete open.said;
        return open.outdated !== true && !this.reported.has(current);
      }
      if (open.said === 'applied') confirm(open.items, open.changedAt);
      return open.said === undefined;
    });
  }
}

const confirm = (items: readonly HistoryItem[], confirmedAt: string): void => {
  for (const item of items) item.confirmedAt = confirmedAt;
};
