import { tokenHint as hintOf } from '@muster/contracts';
import type { Topic } from '@muster/kp1';
import type { Logger } from '@muster/observability';

const REPEAT_MS = 60_000;
const MAX_KEYS = 10_000;
const MAX_LINES_PER_SECOND = 20;

/**
 * What devices and clients get refused for, told once a minute for each of them and reason, and never more than 20 lines
 * a second in all: a broken firmware on a thousand devices must not drown the log, nor one attacker fill the disk.
 */
export class BoundedLog {
  private readonly told = new Map<string, number>();
  private second = 0;
  private lines = 0;
  private suppressed = 0;

  constructor(
    private readonly logger: Logger,
    private readonly now: () => number = Date.now,
  ) {}

  info(key: string, fields: Readonly<Record<string, unknown>>, message: string): void {
    const now = this.now();
    const last = this.told.get(key);
    if (last !== undefined && last + REPEAT_MS > now) {
      this.suppressed += 1;
      return;
    }
    const second = Math.floor(now / 1_000);
    if (second !== this.second) {
      this.second = second;
      this.lines = 0;
    }
    if (this.lines >= MAX_LINES_PER_SECOND) {
      this.suppressed += 1;
      return;
    }
    this.lines += 1;
    this.told.delete(key);
    const oldest = this.told.keys().next();
    if (this.told.size >= MAX_KEYS && oldest.done !== true) this.told.delete(oldest.value);
    this.told.set(key, now);
    this.logger.info(
      { ...fields, ...(this.suppressed > 0 ? { suppressedBefore: this.suppressed } : {}) },
      message,
    );
    this.suppressed = 0;
  }
}

/** The beginning: enough to find a device by, not enough to be it. */
export const tokenHint = (token: string): string => `${hintOf(token)}…`;

/** For a log: what was asked for. */
export const describeTopic = (
  topic: Pick<Topic, 'appVersion' | 'extension' | 'path'>,
): Record<string, string> => ({
  appVersion: topic.appVersion,
  extension: topic.extension,
  path: topic.path.join('/'),
});

/** The same of somebody who is not known: never the whole token, because whoever knows it is the device. */
export const describeToken = (topic: Topic): Record<string, string> => ({
  ...describeTopic(topic),
  tokenHint: tokenHint(topic.token),
});
