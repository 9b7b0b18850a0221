import { once } from 'node:events';
import { Connection, ConnectPace } from './connection.js';
import { Counters } from './counters.js';
import { Device, type World } from './device.js';
import { DownloadError, downloadFirmware, type FirmwareFile } from './download-firmware.js';
import { httpLinks } from './http-link.js';
import type { Identity, OpenLink } from './link.js';
import { mqttLinks } from './mqtt-link.js';
import type { Options } from './options.js';
import type { ProfileName } from './profiles.js';
import { Scheduler } from './scheduler.js';

export interface SimulatedPart {
  readonly profile: ProfileName;
  readonly identities: readonly Identity[];
  /** That of all where nothing is said. */
  readonly interface?: 'mqtt' | 'http';
}

export interface Simulation {
  /** Grow while it runs. */
  readonly counters: Counters;
  /** When all was told to connect and the duration is over, or `stop` was called; answers were waited for. */
  readonly ended: Promise<void>;
  readonly stop: () => void;
}

const TICK_MS = 10;

/** Runs the devices, which exist already, in this process. */
export const simulate = (parts: readonly SimulatedPart[], options: Options): Simulation => {
  const started = performance.now();
  const scheduler = new Scheduler();
  const counters = new Counters();
  const downloads = new Downloads(options.downloads, counters);
  const world: World = {
    options,
    scheduler,
    counters,
    clock: () => performance.now() - started,
    wallClock: Date.now,
    download: (file) => downloads.fetch(file),
  };
  const transports = openTransports(world);
  const pace = new ConnectPace(world, options['connect-rate']);
  const devices: Device[] = [];
  const connections = parts.flatMap(({ profile, identities, interface: speaks = options.interface }) => {
    const perConnection = profile === 'gateway' ? options['tokens-per-gateway'] : 1;
    return inGroups(identities, perConnection).map((group) => {
      const members = group.map((identity) => ({ identity, device: new Device(identity, profile, world) }));
      devices.push(...members.map(({ device }) => device));
      const clientId = `simulator-${group[0]?.name ?? ''}`;
      return new Connection({
        clientId,
        devices: members,
        world,
        pace,
        openLink: transports[speaks].openLink,
        polls: speaks === 'http',
      });
    });
  });

  const stopping = new AbortController();
  const timer = setInterval(() => scheduler.runUntil(world.clock()), TICK_MS);
  const run = async (): Promise<void> => {
    for (const connection of connections) connection.start();
    const connecting = (connections.length / options['connect-rate']) * 1000;
    if (options.duration > 0) scheduler.after(connecting + options.duration * 1000, () => stopping.abort());
    if (!stopping.signal.aborted) await once(stopping.signal, 'abort');
    for (const device of devices) device.stopSampling();
    await quiet(scheduler, devices, options['answer-timeout'] * 1000);
    for (const connection of connections) connection.close();
    downloads.stop();
    await Promise.all([transports.mqtt.close(), transports.http.close()]);
    clearInterval(timer);
  };
  return { counters, ended: run(), stop: () => stopping.abort() };
};

const inGroups = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));

/** Resolves when no device waits for an answer, and at the latest after `atMostMs`. */
const quiet = (scheduler: Scheduler, devices: readonly Device[], atMostMs: number): Promise<void> =>
  new Promise((resolve) => {
    const end = scheduler.now + atMostMs;
    const look = (): void => {
      if (scheduler.now >= end || devices.every(({ underWay }) => underWay === 0)) resolve();
      else scheduler.after(50, look);
    };
    look();
  });

interface Transport {
  readonly openLink: OpenLink;
  readonly close: () => Promise<void>;
}

/** Neither costs anything until a link is opened. */
const openTransports = ({ options, scheduler }: World): Readonly<Record<'mqtt' | 'http', Transport>> => {
  const http = httpLinks({
    url: options['http-url'],
    connections: options['http-connections'],
    timeoutMs: options['answer-timeout'] * 1000,
  });
  const mqtt = mqttLinks({
    url: options['mqtt-url'],
    qos: options.qos === '1' ? 1 : 0,
    errorsWithoutId: options['request-ids'] < 1,
    scheduler,
  });
  return {
    http: {
      openLink: (_clientId, devices, listener) => http.open(devices, listener),
      close: () => {
        http.close();
        return Promise.resolve();
      },
    },
    mqtt: { openLink: mqtt.open, close: mqtt.close },
  };
};

/** A bounded number of downloads at a time; the others wait for their turn. */
class Downloads {
  private readonly ending = new AbortController();
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(
    private readonly atMost: number,
    private readonly counters: Counters,
  ) {}

  async fetch(file: FirmwareFile): Promise<void> {
    if (this.running >= this.atMost) await new Promise<void>((go) => this.waiting.push(go));
    else this.running += 1;
    try {
      await downloadFirmware(file, {
        signal: this.ending.signal,
        onBytes: (bytes) => (this.counters.firmwareBytes += bytes),
      });
    } catch (error) {
      if (this.ending.signal.aborted) throw new DownloadError('the run is over', { cause: error });
      throw error;
    } finally {
      // The place goes to the next in line, or is free.
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }

  stop(): void {
    this.ending.abort();
  }
}
