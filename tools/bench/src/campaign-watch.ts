import { setTimeout as delay } from 'node:timers/promises';
import { caller } from './callers.js';

export type Counts = Readonly<Record<string, number>>;

export interface SeenCampaign {
  readonly status: string;
  readonly outcome: string | null;
  readonly phase: string | null;
  readonly phaseDetail?: string;
  readonly total: number | null;
  readonly jobId: string | null;
  readonly launchError?: { readonly detail: string };
  readonly batches: readonly {
    readonly status: string;
    readonly dispatchedAt?: string;
    readonly synchronisedAt?: string;
  }[];
}

export interface SeenStatistics {
  readonly targets: number;
  readonly byStatus: Counts;
  readonly synchronised: number;
  readonly inFlight: number;
  readonly late: number;
  readonly adoption: Counts;
  readonly failures: readonly { readonly status: string; readonly code: string; readonly count: number }[];
  readonly batches: readonly { readonly index: number; readonly byStatus: Counts }[];
}

/** What an operator was told while it went on. */
export interface Watched {
  /** `200`, `503 unavailable`, `no answer` → how often. */
  readonly answers: ReadonlyMap<string, number>;
  /** Phases in the order in which they were first seen, how often, and what they said last. */
  readonly phases: ReadonlyMap<string, { readonly times: number; readonly detail: string }>;
  /** Figures and states that cannot be: what was wrong, each once. */
  readonly wrong: ReadonlySet<string>;
  /** Longest time without a device more being synchronised, and the phases that were told meanwhile. */
  readonly rest: { readonly ms: number; readonly phases: readonly string[] };
  /** How it went on: seconds, devices synchronised, and what the phase said, whenever it said something else. */
  readonly course: readonly string[];
}

const EVERY_MS = 200;

/** Asks again and again how a campaign stands, as a page or a script would, and holds the answers against each other. */
export class CampaignWatch {
  private readonly answers = new Map<string, number>();
  private readonly phases = new Map<string, { times: number; detail: string }>();
  private readonly wrong = new Set<string>();
  private synchronised = 0;
  private planned = Number.POSITIVE_INFINITY;
  private isCompleted = false;
  private restedSince = performance.now();
  private restPhases = new Set<string>();
  private rest: Watched['rest'] = { ms: 0, phases: [] };
  private readonly course: string[] = [];
  private lastWords = '';
  private readonly began = performance.now();
  private readonly operator = caller(2);

  constructor(
    private readonly campaignId: string,
    private readonly devices: number,
  ) {}

  async until(signal: AbortSignal): Promise<Watched> {
    while (!signal.aborted) {
      await this.look();
      await delay(EVERY_MS);
    }
    this.operator.close();
    const { answers, phases, wrong, rest, course } = this;
    return { answers, phases, wrong, rest, course };
  }

  private async look(): Promise<void> {
    const path = `/campaigns/${this.campaignId}`;
    const campaign = await this.ask<SeenCampaign>(path);
    if (campaign !== undefined) this.judge(campaign);
    const statistics = await this.ask<SeenStatistics>(`${path}/statistics`);
    if (statistics !== undefined) this.add(statistics);
  }

  private async ask<T>(path: string): Promise<T | undefined> {
    let answer: { status: number; text: string } | undefined;
    try {
      answer = await this.operator.call('GET', path);
    } catch {
      // The gateway is not killed: it always answers.
    }
    const what = answer === undefined ? 'no answer' : wordsOf(answer);
    this.answers.set(what, (this.answers.get(what) ?? 0) + 1);
    if (answer?.status !== 200) this.note(what);
    return answer?.status === 200 ? (JSON.parse(answer.text) as T) : undefined;
  }

  private judge({ status, phase, phaseDetail = '', total, launchError }: SeenCampaign): void {
    const told = phase ?? `(${status})`;
    const known = this.phases.get(told);
    this.phases.set(told, { times: (known?.times ?? 0) + 1, detail: phaseDetail });
    this.restPhases.add(told);
    this.note(`${told}: ${phaseDetail}`);
    if (launchError !== undefined) this.wrong.add(`the launch failed: ${launchError.detail}`);
    if (status !== 'running' && status !== 'completed') this.wrong.add(`the campaign is ${status}`);
    if (status === 'running' && (phase === null || phaseDetail === ''))
      this.wrong.add('it runs, and no phase says what it waits for');
    if (this.isCompleted && status !== 'completed') this.wrong.add(`completed, and then ${status}`);
    this.isCompleted ||= status === 'completed';
    if (total !== null && total !== this.devices) this.wrong.add(`a total of ${total}`);
  }

  private note(words: string): void {
    if (words === this.lastWords) return;
    this.lastWords = words;
    const seconds = ((performance.now() - this.began) / 1_000).toFixed(1);
    this.course.push(`${seconds} s, ${this.synchronised} synchronised, ${words}`);
  }

  private add({ targets, byStatus, batches, synchronised }: SeenStatistics): void {
    if (targets !== 0 && targets !== this.devices) this.wrong.add(`statistics of ${targets} targets`);
    if (sum(byStatus) !== targets)
      this.wrong.add(`statuses of ${targets} targets make ${sum(byStatus)}: ${JSON.stringify(byStatus)}`);
    const ofBatches = batches.reduce((all, one) => all + sum(one.byStatus), 0);
    if (ofBatches !== targets) this.wrong.add(`the batches make ${ofBatches} of ${targets} targets`);
    if (Object.values(byStatus).some((n) => n < 0)) this.wrong.add(`negative: ${JSON.stringify(byStatus)}`);
    // What is offered again is not synchronised for a moment; but nothing that was written is planned again.
    const { planned = 0 } = byStatus;
    if (targets > 0 && planned > this.planned) this.wrong.add(`${this.planned} planned, then more`);
    if (targets > 0) this.planned = planned;
    if (synchronised <= this.synchronised || this.isCompleted) return;
    const now = performance.now();
    if (now - this.restedSince > this.rest.ms)
      this.rest = { ms: now - this.restedSince, phases: [...this.restPhases] };
    this.synchronised = synchronised;
    this.restedSince = now;
    this.restPhases = new Set();
  }
}

const sum = (counts: Counts): number => Object.values(counts).reduce((all, n) => all + n, 0);

/** The status, and of a refusal its code. */
export const wordsOf = ({ status, text }: { readonly status: number; readonly text: string }): string => {
  if (status < 400) return String(status);
  try {
    return `${status} ${(JSON.parse(text) as { code: string }).code}`;
  } catch {
    return `${status} without a problem`;
  }
};
