import {
  recordSightings,
  type AccessEntry,
  type DeviceSighting,
} from '@muster/contracts/device-registry/access.requests';
import type { Bus } from '@muster/messaging';
import { newTrace, withTrace, type Logger } from '@muster/observability';
import type { DeviceDirectory } from './device-directory.js';

const EVERY_MS = 100;
const BATCH = 500;
/** Said again after that if memory still does not show it. */
const REPEAT_MS = 5_000;
const MAX_PENDING = 100_000;
const TELL_MS = 2_000;

interface Pending {
  readonly sighting: DeviceSighting;
  readonly token: string;
  /** 0: not said yet. */
  saidAt: number;
}

/**
 * Tells device-registry what devices say of themselves by using a token and a topic: an inactive token is in use, another
 * application version runs, which only a message says. Said until the directory shows it, so that nothing is lost to a service that was away.
 */
export class Sightings {
  private readonly pending = new Map<string, Pending>();
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly directory: DeviceDirectory,
    private readonly bus: Pick<Bus, 'request'>,
    private readonly logger: Logger,
    private readonly now: () => number = Date.now,
  ) {}

  /** Called for every message with its version, and for a subscription without any; costs two comparisons when there is nothing new. */
  note(entry: AccessEntry, appVersion?: string): void {
    const isOnRecord = appVersion === undefined || entry.appVersion === appVersion;
    if (entry.tokenStatus !== 'inactive' && isOnRecord) return;
    // The newest claim of a device counts; two versions in turn on one token cannot queue up more than one.
    const known = this.pending.get(entry.token);
    if (known !== undefined && (appVersion === undefined || known.sighting.appVersion === appVersion)) return;
    if (known === undefined && this.pending.size >= MAX_PENDING) return;
    const { tenantId, deviceId, tokenId, token } = entry;
    this.pending.set(token, {
      sighting: { tenantId, deviceId, tokenId, ...(appVersion === undefined ? {} : { appVersion }) },
      token,
      // A version that was not said yet does not wait for what was said without one.
      saidAt: known?.sighting.appVersion === undefined ? 0 : known.saidAt,
    });
    this.schedule();
  }

  /**
   * That another application version runs, now: what its device is answered depends on it. Where that cannot be told now, it
   * is later, by `note`.
   */
  async tell(
    { tenantId, deviceId, tokenId, appVersion: known }: AccessEntry,
    appVersion: string,
  ): Promise<void> {
    if (known === appVersion) return;
    const sightings = [{ tenantId, deviceId, tokenId, appVersion }];
    await this.bus.request(recordSightings, { sightings }, { timeoutMs: TELL_MS }).catch((error: unknown) => {
      this.logger.warn({ err: error, deviceId }, 'the application version of a device is told later');
    });
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    await this.sending;
    await this.send();
  }

  private schedule(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.sending = this.send().finally(() => {
        if (this.pending.size > 0) this.schedule();
      });
    }, EVERY_MS);
  }

  private async send(): Promise<void> {
    const due: Pending[] = [];
    for (const [token, pending] of this.pending) {
      if (this.isKnown(pending)) this.pending.delete(token);
      else if (pending.saidAt + REPEAT_MS <= this.now() && due.length < BATCH) due.push(pending);
    }
    if (due.length === 0) return;
    for (const pending of due) pending.saidAt = this.now();
    try {
      const { outcomes } = await withTrace(newTrace(), () =>
        this.bus.request(recordSightings, { sightings: due.map(({ sighting }) => sighting) }),
      );
      for (const [index, { code }] of outcomes.entries()) {
        const pending = due[index];
        // Gone, or of another type by now: never to be said again. The directory learns why by its events.
        if (code !== undefined && code.endsWith('-not-found') && pending !== undefined) {
          if (this.pending.get(pending.token) === pending) this.pending.delete(pending.token);
        }
      }
    } catch (error) {
      this.logger.warn({ err: error, sightings: due.length }, 'sightings are told again later');
    }
  }

  private isKnown({ token, sighting }: Pending): boolean {
    const entry = this.directory.entriesOf(sighting.deviceId).find((one) => one.token === token);
    if (entry === undefined) return true;
    const { appVersion = entry.appVersion } = sighting;
    return entry.tokenStatus !== 'inactive' && entry.appVersion === appVersion;
  }
}
