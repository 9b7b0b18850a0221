import { Histogram } from './histogram.js';

/** What a device asks or tells the platform, and is answered. */
export const REQUEST_KINDS = [
  'telemetry',
  'metadata',
  'configuration',
  'configuration applied',
  'commands',
  'command result',
  'software',
  'software applied',
] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

/** Requests of one kind. With an answer due: sent = ok + errors + silent + interrupted + those still under way. */
export class Tally {
  sent = 0;
  /** Sent without request id: no answer is due, only errors come. */
  unasked = 0;
  ok = 0;
  errors = 0;
  /** No answer in time; one that comes later is in `late` too. */
  silent = 0;
  /** The connection ended before the answer. */
  interrupted = 0;
  readonly latency = new Histogram();
}

/** How often each text came; the first hundred texts, so that a fault with a number in its text cannot fill memory. */
export class Reasons {
  private readonly counts = new Map<string, number>();

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  add(reason: string): void {
    const text = this.counts.has(reason) || this.counts.size < 100 ? reason : 'others';
    this.counts.set(text, (this.counts.get(text) ?? 0) + 1);
  }

  /** Most frequent first. */
  list(): (readonly [reason: string, count: number])[] {
    return [...this.counts].sort((a, b) => b[1] - a[1]);
  }
}

/** Everything a run counts. */
export class Counters {
  readonly requests = Object.fromEntries(REQUEST_KINDS.map((kind) => [kind, new Tally()])) as Record<
    RequestKind,
    Tally
  >;
  /** Connections that are up now. */
  connected = 0;
  connects = 0;
  connectFailures = 0;
  disconnects = 0;
  /** Connections that went away on purpose. */
  absences = 0;
  /** From being told to connect until connected and subscribed. */
  readonly connectTime = new Histogram();
  /** Messages that the broker took over (PUBACK); over HTTP those answered. */
  acknowledged = 0;
  /** Samples not sent because too many were without answer. */
  skipped = 0;
  /** Answers that came after their deadline, or to no question. */
  late = 0;
  configurationsApplied = 0;
  configurationsRejected = 0;
  /** Replaced by a newer one before they were applied. */
  configurationsSuperseded = 0;
  commandsExecuted = 0;
  commandsFailed = 0;
  /** Offered again although already executed. */
  commandsRepeated = 0;
  firmwareOffers = 0;
  firmwareApplied = 0;
  firmwareRejected = 0;
  firmwareBytes = 0;
  readonly errors = new Reasons();
  readonly disconnectReasons = new Reasons();
  /** What no platform may do. */
  readonly violations = new Reasons();

  get sent(): number {
    return this.sum(({ sent, unasked }) => sent + unasked);
  }

  get ok(): number {
    return this.sum(({ ok }) => ok);
  }

  get failed(): number {
    return this.sum(({ errors, silent }) => errors + silent);
  }

  private sum(of: (tally: Tally) => number): number {
    return REQUEST_KINDS.reduce((total, kind) => total + of(this.requests[kind]), 0);
  }
}
