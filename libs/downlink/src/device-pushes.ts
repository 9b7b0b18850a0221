import { setTimeout as sleep } from 'node:timers/promises';
import type { Metrics } from '@muster/observability';
import { outOfTime, type AccessQuestions, type DeviceDirectory } from '@muster/uplink';
import type { Addressee, Push, PushTarget, Wire } from './wire.js';

export interface DevicePushParts {
  readonly wire: Wire;
  readonly directory: Pick<DeviceDirectory, 'admit' | 'entriesOf'>;
  readonly questions: Pick<AccessQuestions, 'learn'>;
  readonly metrics: Metrics;
  /** Unconfirmed messages at a time: what comes up shares the broker, and shall keep half of it. */
  readonly inFlight: number;
  /** Over a longer time; a few may go at once. */
  readonly perSecond: number;
}

export interface Pushed {
  /** Somebody was there for it. */
  readonly subscriber: boolean;
  /**
   * ISO. When it began to be sent, if somebody was there then: who becomes reachable before that is confirmed may not be the
   * one who has it, and is rather sent it twice. Otherwise when it was confirmed: it is only who has become reachable by then
   * that has it.
   */
  readonly at: string;
}

/** What a pause saves up, so that single pushes never wait. */
const BURST_MS = 50;

/** Says things to devices unasked: to each of their usable tokens, at a bounded pace. */
export class DevicePushes {
  private readonly pushes;
  private free: number;
  private readonly waiting: (() => void)[] = [];
  /** When the next push may go, Unix milliseconds. */
  private nextAt = 0;

  constructor(private readonly parts: DevicePushParts) {
    this.free = parts.inFlight;
    const name = `muster_${parts.wire.interface}_pushes_total`;
    this.pushes = parts.metrics.counter(name, 'Pushes to devices', ['extension', 'outcome']);
  }

  get interface(): Wire['interface'] {
    return this.parts.wire.interface;
  }

  /**
   * Of these, those that come through here; where none of it is listened for as the version on record, with the version it
   * is. Who has no token that may be used is among them where nobody says that it can be reached: nobody can take anything on its
   * behalf, and whoever waits for that to be on record would wait for ever. Throws `unavailable` when one is unknown and cannot be asked for.
   */
  async reachable<T extends PushTarget>(targets: readonly T[], extension: string): Promise<T[]> {
    await this.parts.questions.learn(targets.map(({ deviceId }) => deviceId));
    return targets.flatMap((target) => {
      const tokens = this.tokensOf(target.deviceId);
      const isAdmitted = (version: string) =>
        tokens.some(({ token }) => this.parts.directory.admit(token, version).admitted);
      if (tokens.length === 0) return this.isShutOut(target) ? [target] : [];
      if (target.appVersion !== undefined) return [isAdmitted(target.appVersion) ? target : without(target)];
      const versions = tokens.flatMap(({ token }) => this.parts.wire.versionsOf?.(token, extension) ?? []);
      const other = versions.find(isAdmitted);
      if (other === undefined || tokens.some(({ appVersion }) => versions.includes(appVersion)))
        return [target];
      return [{ ...target, appVersion: other }];
    });
  }

  /** Whether the device can be reached for this, as far as it is known where it can. */
  covers(target: PushTarget, push: Push): boolean {
    return this.addresseesOf(target).some((to) => this.parts.wire.covers(to, push));
  }

  /**
   * Several tokens of one device are several clients that are the device: it has it when somebody was there for one of them.
   * undefined: nothing was sent, because the device is gone, has become reachable elsewhere, or its turn comes later. Rejects with `unavailable` when what it goes through is away.
   */
  async publish(target: PushTarget, push: Push): Promise<Pushed | undefined> {
    const { wire } = this.parts;
    const addressees = this.addresseesOf(target).filter((to) => wire.covers(to, push));
    if (addressees.length === 0)
      return this.isShutOut(target) ? { subscriber: false, at: new Date().toISOString() } : undefined;
    let at = Infinity;
    const send = async (to: Addressee): Promise<boolean | 'later'> => {
      if (wire.reaches?.(to, push) === true) at = Math.min(at, Date.now());
      return wire.send(to, push);
    };
    const reached = await Promise.all(addressees.map((to) => this.paced(() => send(to))));
    const subscriber = reached.includes(true);
    const isLater = !subscriber && reached.includes('later');
    const outcome = subscriber ? 'subscriber' : isLater ? 'later' : 'no-subscriber';
    this.pushes.inc({ extension: push.extension, outcome });
    if (isLater) return undefined;
    return { subscriber, at: new Date(Math.min(at, Date.now())).toISOString() };
  }

  /** It comes through here, with no token that may be used, and was not just heard of. */
  private isShutOut({ deviceId, channels }: PushTarget): boolean {
    if (channels !== undefined || this.tokensOf(deviceId).length > 0) return false;
    const entries = this.parts.directory.entriesOf(deviceId);
    return entries.some((entry) => entry.interface === this.interface);
  }

  private addresseesOf(target: PushTarget): Addressee[] {
    const { appVersion: claimed } = target;
    return this.tokensOf(target.deviceId).map(({ token, appVersion: known }) => {
      const isUsable = claimed !== undefined && this.parts.directory.admit(token, claimed).admitted;
      return { ...target, token, appVersion: isUsable ? claimed : known };
    });
  }

  private tokensOf(deviceId: string) {
    return this.parts.directory
      .entriesOf(deviceId)
      .filter(
        (entry) =>
          entry.interface === this.interface &&
          (entry.tokenStatus === 'active' || entry.tokenStatus === 'inactive') &&
          outOfTime(entry) === undefined,
      );
  }

  private async paced<T>(work: () => Promise<T>): Promise<T> {
    await this.turn();
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }

  private async turn(): Promise<void> {
    const now = Date.now();
    const at = Math.max(this.nextAt, now - BURST_MS);
    this.nextAt = at + 1_000 / this.parts.perSecond;
    if (at > now) await sleep(at - now);
  }
}

/** Undefined is absent to all who read it. */
const without = <T extends PushTarget>(target: T): T => ({ ...target, appVersion: undefined });
