import { AppError } from '@muster/contracts';
import { findAccess, type AccessPage } from '@muster/contracts/device-registry/access.requests';
import type { Bus } from '@muster/messaging';
import type { Admission, DeviceDirectory } from './device-directory.js';

const DEADLINE_MS = 1_000;
/** How long "there is no such thing" is believed without asking again. */
const NEGATIVE_MS = 2_000;
const MAX_WAITING = 2_000;
const MAX_NEGATIVE = 20_000;
const BATCH = 500;

interface Question {
  readonly kind: 'token' | 'deviceTypeId';
  readonly id: string;
  readonly answered: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Asks device-registry for what memory does not know, so that a device created a moment ago works at the first try.
 * Guessed tokens must not become load: what was asked waits in one batch, one request is under way at a time, a "no" is
 * remembered for two seconds, and beyond 2,000 waiting questions nothing is asked.
 */
export class AccessQuestions {
  private readonly waiting = new Map<string, Question>();
  private readonly underWay = new Map<string, Question>();
  private readonly negative = new Map<string, number>();
  private running = false;

  constructor(
    private readonly directory: DeviceDirectory,
    private readonly bus: Pick<Bus, 'request'>,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * `admit` of the directory, after asking once where memory may be behind. Throws `unavailable` or
   * `deadline-exceeded` when device-registry could not be asked: that is no refusal.
   */
  async admit(token: string, appVersion: string): Promise<Admission> {
    const first = this.directory.admit(token, appVersion);
    if (first.admitted || first.ask === undefined) return first;
    await ('token' in first.ask
      ? this.ask('token', first.ask.token, first.ask.token)
      : this.ask('deviceTypeId', first.ask.deviceTypeId, `${first.ask.deviceTypeId} ${appVersion}`));
    return this.directory.admit(token, appVersion);
  }

  /** The same as the version that is on record, for doors where nobody says which runs. */
  async admitOnRecord(token: string): Promise<Admission> {
    if (this.directory.appVersionOf(token) === undefined) await this.ask('token', token, token);
    return this.directory.admit(token, this.directory.appVersionOf(token) ?? '');
  }

  /**
   * Brings devices into memory that it knows nothing of: an event about a device may come before the one that says it
   * exists. Throws as `admit` does.
   */
  async learn(deviceIds: readonly string[]): Promise<void> {
    const unknown = [...new Set(deviceIds)].filter((id) => {
      const until = this.negative.get(`device ${id}`);
      return this.directory.entriesOf(id).length === 0 && (until === undefined || until <= this.now());
    });
    for (let from = 0; from < unknown.length; from += BATCH) {
      const some = unknown.slice(from, from + BATCH);
      const page = await this.bus.request(findAccess, { deviceIds: some }, { timeoutMs: DEADLINE_MS });
      this.directory.putUnknown(page);
      for (const id of some) this.remember(`device ${id}`);
    }
  }

  private async ask(kind: Question['kind'], id: string, subject: string): Promise<void> {
    const until = this.negative.get(subject);
    if (until !== undefined && until > this.now()) return;
    const key = `${kind} ${id}`;
    const same = this.waiting.get(key) ?? this.underWay.get(key);
    if (same !== undefined) return same.answered;
    if (this.waiting.size >= MAX_WAITING) {
      throw new AppError('unavailable', 'Too many unknown tokens at once.', { retryAfterSeconds: 1 });
    }
    let resolve = (): void => undefined;
    let reject: (error: unknown) => void = () => undefined;
    const answered = new Promise<void>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    this.waiting.set(key, { kind, id, answered, resolve, reject });
    if (!this.running) void this.run();
    await answered;
    this.remember(subject);
  }

  private remember(subject: string): void {
    this.negative.delete(subject);
    // A Map keeps the order of insertion, so the first is the oldest.
    const oldest = this.negative.keys().next();
    if (this.negative.size >= MAX_NEGATIVE && oldest.done !== true) this.negative.delete(oldest.value);
    this.negative.set(subject, this.now() + NEGATIVE_MS);
  }

  private async run(): Promise<void> {
    this.running = true;
    // Lets whatever comes in the same turn join the first request.
    await Promise.resolve();
    while (this.waiting.size > 0) {
      for (const [key, question] of [...this.waiting].slice(0, BATCH)) {
        this.waiting.delete(key);
        this.underWay.set(key, question);
      }
      const questions = [...this.underWay.values()];
      try {
        this.directory.putUnknown(await this.find(questions));
        for (const question of questions) question.resolve();
      } catch (error) {
        for (const question of questions) question.reject(error);
      }
      this.underWay.clear();
    }
    this.running = false;
  }

  private find(questions: readonly Question[]): Promise<AccessPage> {
    const ids = (kind: Question['kind']) => questions.filter((one) => one.kind === kind).map(({ id }) => id);
    return this.bus.request(
      findAccess,
      { tokens: ids('token'), deviceTypeIds: ids('deviceTypeId') },
      { timeoutMs: DEADLINE_MS },
    );
  }
}
