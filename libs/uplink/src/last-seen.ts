import { recordLastSeen, type LastSeen } from '@muster/contracts/device-registry/connectivity.requests';
import type { Bus } from '@muster/messaging';
import { newTrace, withTrace, type Logger } from '@muster/observability';
import type { Admitted } from './device-directory.js';

const EVERY_MS = 200;
const BATCH = 500;
const AGAIN_MS = 2_000;

interface Heard {
  readonly by: Omit<LastSeen, 'at'>;
  heardAt: number;
  /** The newest of these times that device-registry knows; 0: none. */
  told: number;
  /** Not told anything before that. */
  quietUntil: number;
}

/**
 * Tells device-registry when devices were last heard: the first message after a silence at once, then at most once per
 * `everyMs` and what it showed, and the last one of all, so that what it shows is never older than that. One map entry for each
 * token, and each secret beside it, that was used within `everyMs`. What a killed process has not told yet is told by the device's next message.
 */
export class LastSeenTimes {
  /** By token, or token and secret. */
  private readonly devices = new Map<string, Heard>();
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> = Promise.resolve();
  private notBefore = 0;
  private stopped = false;

  constructor(
    private readonly bus: Pick<Bus, 'request'>,
    private readonly everyMs: number,
    private readonly logger: Logger,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Called for every message. `heardAt`: when it came, Unix milliseconds, or earlier where that is not known, never later:
   * a device that has left is not there any more. Not finite: nobody knows, and it says nothing.
   */
  note({ entry, secretHash }: Pick<Admitted, 'entry' | 'secretHash'>, heardAt: number): void {
    if (!Number.isFinite(heardAt)) return;
    const { tenantId, deviceId, tokenId } = entry;
    const key = secretHash === undefined ? tokenId : `${tokenId} ${secretHash}`;
    const known = this.devices.get(key);
    if (known !== undefined) known.heardAt = Math.max(known.heardAt, heardAt);
    else {
      const by = { tenantId, deviceId, tokenId, ...(secretHash === undefined ? {} : { secretHash }) };
      this.devices.set(key, { by, heardAt, told: 0, quietUntil: 0 });
    }
    this.schedule();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.sending;
    await this.send([...this.devices.values()].filter(({ heardAt, told }) => heardAt > told));
  }

  private schedule(): void {
    // What is being sent now ends after `stop`, and would begin anew.
    if (this.stopped) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.sending = this.send(this.due()).finally(() => {
        if (this.devices.size > 0) this.schedule();
      });
    }, EVERY_MS);
  }

  private due(): Heard[] {
    const now = this.now();
    if (now < this.notBefore) return [];
    const due: Heard[] = [];
    for (const [key, heard] of this.devices) {
      if (now < heard.quietUntil) continue;
      if (heard.heardAt > heard.told) due.push(heard);
      else this.devices.delete(key);
    }
    return due;
  }

  private async send(due: readonly Heard[]): Promise<void> {
    for (let from = 0; from < due.length; from += BATCH) {
      const batch = due.slice(from, from + BATCH);
      const devices = batch.map(({ by, heardAt }) => ({ ...by, at: new Date(heardAt).toISOString() }));
      const times = batch.map(({ heardAt }) => heardAt);
      try {
        await withTrace(newTrace(), () => this.bus.request(recordLastSeen, { devices }));
      } catch (error) {
        this.logger.warn({ err: error, devices: due.length - from }, 'last-seen times are told later');
        this.notBefore = this.now() + AGAIN_MS;
        return;
      }
      for (const [index, heard] of batch.entries()) {
        heard.told = times[index] ?? 0;
        heard.quietUntil = this.now() + this.everyMs;
      }
    }
  }
}
