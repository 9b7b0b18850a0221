import type { Topic } from '@muster/kp1';
import { strangeTopic, type Device, type World } from './device.js';
import type { Identity, Link, LinkListener, OpenLink } from './link.js';
import { Random } from './random.js';
import type { Cancel } from './scheduler.js';

/** Hands out moments to connect at, so that the broker sees no more than it can authorise. */
export class ConnectPace {
  private next = 0;

  constructor(
    private readonly world: World,
    private readonly perSecond: number,
  ) {}

  /** Milliseconds until the next free moment, which is taken by this. */
  take(): number {
    const { now } = this.world.scheduler;
    this.next = Math.max(now, this.next + 1000 / this.perSecond);
    return this.next - now;
  }
}

export interface ConnectionParts {
  readonly clientId: string;
  readonly devices: readonly { readonly identity: Identity; readonly device: Device }[];
  readonly world: World;
  readonly pace: ConnectPace;
  readonly openLink: OpenLink;
  /** Nothing is pushed to its devices: they ask now and then. */
  readonly polls: boolean;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/**
 * A connection with the devices that speak over it. Goes away now and then and comes back later; when it is cut off or
 * cannot connect, it tries again after pauses that double.
 */
export class Connection implements LinkListener {
  private readonly link: Link;
  private readonly random: Random;
  private readonly devices: ReadonlyMap<string, Device>;
  private isUp = false;
  private failures = 0;
  private toldToConnectAt = 0;
  private cancelNext: Cancel = () => undefined;
  private stopPolling: Cancel = () => undefined;

  constructor(private readonly parts: ConnectionParts) {
    const { clientId, devices, world, openLink } = parts;
    this.random = new Random(`${world.options.seed} connection ${clientId}`);
    this.devices = new Map(devices.map(({ device }) => [device.token, device]));
    this.link = openLink(
      clientId,
      devices.map(({ identity }) => identity),
      this,
    );
  }

  start(): void {
    for (const device of this.devices.values()) device.startSampling();
    this.connectAfter(0);
  }

  /** Ends for good, saying goodbye. */
  close(): void {
    this.cancelNext();
    for (const device of this.devices.values()) device.stop();
    this.leave(false);
  }

  up(): void {
    const { counters, clock, scheduler, options } = this.parts.world;
    this.isUp = true;
    this.failures = 0;
    counters.connected += 1;
    counters.connects += 1;
    counters.connectTime.record(clock() - this.toldToConnectAt);
    for (const device of this.devices.values()) device.up(this.link);
    if (this.parts.polls) {
      this.stopPolling = scheduler.every(options.poll * 1000, () => {
        for (const device of this.devices.values()) device.ask();
      });
    }
    if (options.offline > 0) this.leaveSometime();
  }

  down(why: string): void {
    const { counters } = this.parts.world;
    counters.disconnectReasons.add(why);
    if (this.isUp) {
      counters.disconnects += 1;
      this.gone();
    } else counters.connectFailures += 1;
    this.failures += 1;
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.failures - 1));
    this.connectAfter(pause * this.random.between(0.5, 1.5));
  }

  received(topic: Topic | undefined, payload: Uint8Array): void {
    const device = topic === undefined ? undefined : this.devices.get(topic.token);
    if (topic === undefined || device === undefined) {
      this.parts.world.counters.violations.add(strangeTopic(topic));
    } else device.received(topic, payload);
  }

  acknowledged(): void {
    this.parts.world.counters.acknowledged += 1;
  }

  private connectAfter(delayMs: number): void {
    const { pace, world } = this.parts;
    this.cancelNext();
    this.cancelNext = world.scheduler.after(delayMs, () => {
      this.cancelNext = world.scheduler.after(pace.take(), () => {
        this.toldToConnectAt = world.clock();
        this.link.open();
      });
    });
  }

  /** Lengths such that the share of time away is what was asked for. */
  private leaveSometime(): void {
    const { scheduler, counters, options } = this.parts.world;
    const { offline, 'offline-duration': seconds } = options;
    this.cancelNext();
    this.cancelNext = scheduler.after(this.random.wait((seconds * 1000 * (1 - offline)) / offline), () => {
      counters.absences += 1;
      // Half of them find no time to say goodbye.
      this.leave(this.random.next() < 0.5);
      this.connectAfter(this.random.wait(seconds * 1000));
    });
  }

  private leave(abruptly: boolean): void {
    if (this.isUp) this.gone();
    this.link.close(abruptly);
  }

  private gone(): void {
    this.isUp = false;
    this.stopPolling();
    this.cancelNext();
    this.parts.world.counters.connected -= 1;
    for (const device of this.devices.values()) device.down();
  }
}
