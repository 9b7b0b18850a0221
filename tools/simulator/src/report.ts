import { REQUEST_KINDS, type Counters } from './counters.js';
import type { Histogram } from './histogram.js';
import type { Options } from './options.js';

export interface Usage {
  readonly elapsedSeconds: number;
  /** Bytes. */
  readonly rss: number;
  /** Of one core. */
  readonly cpuShare: number;
}

/** One line of what is now; rates are over the time since the last line. */
export class Progress {
  private sent = 0;
  private at = 0;

  line(counters: Counters, { elapsedSeconds, rss }: Usage): string {
    const seconds = Math.max(0.001, elapsedSeconds - this.at);
    const rate = Math.round((counters.sent - this.sent) / seconds);
    this.sent = counters.sent;
    this.at = elapsedSeconds;
    const lost = counters.disconnects + counters.connectFailures;
    return [
      `${elapsedSeconds.toFixed(0).padStart(4)} s`,
      `${counters.connected} connected`,
      `${rate} sent/s`,
      `${counters.acknowledged} acknowledged`,
      `${counters.ok} ok`,
      `${counters.failed} failed`,
      `configs ${counters.configurationsApplied}/${counters.configurationsRejected}`,
      `commands ${counters.commandsExecuted}/${counters.commandsFailed}`,
      `firmware ${counters.firmwareApplied}/${counters.firmwareRejected}`,
      `${lost} cut off`,
      megabytes(rss),
    ].join(' · ');
  }
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
const milliseconds = (value: number): string => (Number.isNaN(value) ? '' : `${value.toFixed(1)} ms`);
const times = (histogram: Histogram): string[] => [
  milliseconds(histogram.percentile(0.5)),
  milliseconds(histogram.percentile(0.99)),
];

/** Columns as wide as they need to be; numbers stand right. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
};

const SHOWN_REASONS = 10;

/** Everything at the end: requests with their latency, what devices did, what went wrong and how often. */
export const finalReport = (counters: Counters, usage: Usage): string => {
  const requests = REQUEST_KINDS.map((kind) => {
    const { sent, unasked, ok, errors, silent, interrupted, latency } = counters.requests[kind];
    return [kind, ...[sent + unasked, ok, errors, silent, interrupted].map(String), ...times(latency)];
  });
  const facts: [string, string | number][] = [
    ['connections made', counters.connects],
    ['  time to be connected and subscribed, p50 / p99', times(counters.connectTime).join(' / ')],
    ['  could not be made', counters.connectFailures],
    ['  cut off', counters.disconnects],
    ['  left on purpose', counters.absences],
    ['messages taken over (PUBACK, HTTP answer)', counters.acknowledged],
    ['messages per second, mean', (counters.sent / Math.max(0.001, usage.elapsedSeconds)).toFixed(1)],
    ['samples skipped, too many without answer', counters.skipped],
    ['answers too late or unasked', counters.late],
    ['configurations applied', counters.configurationsApplied],
    ['  refused', counters.configurationsRejected],
    ['  replaced by a newer one first', counters.configurationsSuperseded],
    ['commands executed', counters.commandsExecuted],
    ['  failed', counters.commandsFailed],
    ['  offered again', counters.commandsRepeated],
    ['firmware offered', counters.firmwareOffers],
    ['  applied', counters.firmwareApplied],
    ['  refused', counters.firmwareRejected],
    ['  downloaded', megabytes(counters.firmwareBytes)],
    ['memory at the end (RSS)', megabytes(usage.rss)],
    ['processor, mean, of one core', `${(usage.cpuShare * 100).toFixed(0)} %`],
    ['run', `${usage.elapsedSeconds.toFixed(1)} s`],
  ];
  const faults = (
    [
      ['cut off or not connected', counters.disconnectReasons],
      ['answered with an error', counters.errors],
      ['against the protocol', counters.violations],
    ] as const
  ).flatMap(([title, reasons]) => {
    const list = reasons.list();
    if (list.length === 0) return [];
    const rows = list
      .slice(0, SHOWN_REASONS)
      .map(([reason, count]) => `${String(count).padStart(8)}  ${reason}`);
    return [[`${title}:`, ...rows, ...(list.length > SHOWN_REASONS ? ['          …'] : [])].join('\n')];
  });
  return [
    table(['request', 'sent', 'ok', 'error', 'silent', 'cut off', 'p50', 'p99'], requests),
    table(
      ['what', 'count'],
      facts.map(([what, count]) => [what, String(count)]),
    ),
    ...faults,
  ].join('\n\n');
};

/** Promises that were broken, a sentence each. Errors and silence of what is not served yet are none. */
export const brokenPromises = (counters: Counters, options: Options): string[] => {
  const broken: string[] = [];
  const { telemetry } = counters.requests;
  if (counters.connects === 0) broken.push('no device could connect');
  // Over HTTP everybody connects.
  else if (telemetry.sent > 0 && telemetry.ok === 0) {
    broken.push(`none of ${telemetry.sent} samples with a request id was stored`);
  }
  const cut = counters.disconnects / Math.max(1, counters.connects);
  if (cut > options['tolerated-disconnects']) {
    broken.push(
      `${counters.disconnects} of ${counters.connects} connections were cut off, more than the share of ${options['tolerated-disconnects']} that is tolerated`,
    );
  }
  const silent = telemetry.silent / Math.max(1, telemetry.sent);
  if (silent > options['tolerated-silence']) {
    broken.push(
      `${telemetry.silent} of ${telemetry.sent} samples with a request id were not answered within ${options['answer-timeout']} s, more than the share of ${options['tolerated-silence']} that is tolerated`,
    );
  }
  const violations = counters.violations.total;
  if (violations > 0) {
    broken.push(
      `the platform broke the protocol ${violations} times, first of all: ${counters.violations.list()[0]?.[0] ?? ''}`,
    );
  }
  return broken;
};
