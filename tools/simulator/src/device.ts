import { formatTopic, type Json, type JsonObject, type Topic } from '@muster/kp1';
import {
  ProtocolViolation,
  readCommands,
  readDocument,
  readEmpty,
  readError,
  type OfferedCommand,
  type OfferedDocument,
} from './answers.js';
import type { Counters, RequestKind } from './counters.js';
import { DownloadError, type FirmwareFile } from './download-firmware.js';
import type { Identity, Link } from './link.js';
import type { Options } from './options.js';
import { PROFILES, type Behaviour, type Profile, type ProfileName } from './profiles.js';
import { chance, Random } from './random.js';
import type { Cancel, Scheduler } from './scheduler.js';

/** What all devices of a run share. */
export interface World {
  readonly options: Options;
  readonly scheduler: Scheduler;
  readonly counters: Counters;
  /** Milliseconds, as exact as the clock is: the scheduler's time stands still while a task runs. */
  readonly clock: () => number;
  /** Unix milliseconds. */
  readonly wallClock: () => number;
  /** Fetches and checks; rejects with a `DownloadError`. */
  readonly download: (file: FirmwareFile) => Promise<void>;
}

interface Pending {
  readonly kind: RequestKind;
  readonly sentAt: number;
  readonly cancel: Cancel;
}

interface Report {
  readonly configId: string;
  readonly statusCode: number;
  readonly reasonPhrase?: string;
}

/** The seed's advice; ids of requests under way must differ within a device and extension. */
const MAX_REQUEST_ID = 99;
const MAX_PENDING = 50;
const REMEMBERED_COMMANDS = 16;
const HISTORY_STEP_MS = 300_000;
const HISTORY_MESSAGE_SAMPLES = 50;

/**
 * One device: boots, sends samples, and reacts to what it is given. Its memory does not grow: the requests under way, the
 * last commands, the document it runs. What it decides by chance follows from seed, device and document alone, so the
 * order in which things arrive changes nothing.
 */
export class Device {
  private readonly random: Random;
  private readonly profile: Profile;
  private readonly behaviour: Behaviour;
  private readonly pending = new Map<string, Pending>();
  private link: Link | undefined;
  private booted = false;
  private lastRequestId = 0;
  private lastSampleAt: number;
  private configId: string | undefined;
  /** The last document it refused; told apart, because a device that names a document in a request has applied it. */
  private refusedId: string | undefined;
  private stopped = false;
  private applying: { readonly configId: string; readonly cancel: Cancel } | undefined;
  private version: string;
  private updatingTo: string | undefined;
  /** Outcomes that could not be told while away. */
  private readonly owed = new Map<'cmx' | 'cmx_ota', Report>();
  /** `<type>:<id>`, executed or being executed. */
  private readonly commands: string[] = [];
  private cancelSample: Cancel = () => undefined;

  constructor(
    private readonly identity: Identity,
    profile: ProfileName,
    private readonly world: World,
  ) {
    this.random = new Random(`${world.options.seed} ${identity.index}`);
    this.profile = PROFILES[profile];
    this.behaviour = this.profile.create(identity.index, this.random);
    this.version = identity.version ?? world.options['firmware-version'];
    this.lastSampleAt = world.scheduler.now;
  }

  get token(): string {
    return this.identity.token;
  }

  /** Requests without answer so far. */
  get underWay(): number {
    return this.pending.size;
  }

  /** Begins sending samples, at a random moment of the first interval; those due while away are not sent. */
  startSampling(): void {
    const { rate } = this.world.options;
    if (rate === 0) return;
    const interval = 1000 / rate;
    const next = (delay: number): void => {
      this.cancelSample = this.world.scheduler.after(delay, () => {
        next(interval * this.random.between(0.9, 1.1));
        this.sample();
      });
    };
    next(interval * this.random.next());
  }

  stopSampling(): void {
    this.cancelSample();
  }

  /** Nothing more comes from it. */
  stop(): void {
    this.stopped = true;
    this.cancelSample();
  }

  up(link: Link): void {
    this.link = link;
    if (!this.booted) {
      this.booted = true;
      if (this.uses('epmx')) {
        this.request('metadata', 'epmx', ['update', 'keys'], {
          ...this.behaviour.metadata,
          firmware: this.version,
        });
      }
      this.owed.set('cmx_ota', { configId: this.version, statusCode: 200 });
      this.sendHistory();
    }
    this.reportOwed();
    this.ask();
  }

  /** The connection is gone: nothing that is under way will be answered. */
  down(): void {
    this.link = undefined;
    for (const { kind, cancel } of this.pending.values()) {
      cancel();
      this.world.counters.requests[kind].interrupted += 1;
    }
    this.pending.clear();
  }

  /** Asks what there is for it, and to be told from now on (over HTTP nothing is told). */
  ask(): void {
    if (this.uses('cmx')) {
      const known = this.configId === undefined ? {} : { configId: this.configId };
      this.request('configuration', 'cmx', ['config', 'json'], { ...known, observe: true });
    }
    if (this.uses('cmx_ota')) {
      this.request('software', 'cmx_ota', ['config', 'json'], { configId: this.version, observe: true });
    }
    if (this.uses('cex')) {
      for (const type of this.profile.commands) {
        this.request('commands', 'cex', ['command', type], { observe: true });
      }
    }
  }

  /** An answer or a push to its token. */
  received(topic: Topic, payload: Uint8Array): void {
    try {
      if (topic.requestId === undefined) this.told(topic, payload);
      else this.answered(topic, payload);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.world.counters.violations.add(`${topic.extension}/…/${topic.path.join('/')}: ${error.message}`);
    }
  }

  private uses(extension: 'cmx' | 'cmx_ota' | 'cex' | 'epmx'): boolean {
    return this.world.options.extensions.has(extension);
  }

  private sample(): void {
    const { scheduler, counters, options, wallClock } = this.world;
    if (this.link === undefined) return;
    if (this.pending.size >= MAX_PENDING) {
      counters.skipped += 1;
      return;
    }
    const data = this.behaviour.sample((scheduler.now - this.lastSampleAt) / 1000, wallClock());
    this.lastSampleAt = scheduler.now;
    const asks = this.random.next() < options['request-ids'];
    if (asks) this.request('telemetry', 'dcx', ['json'], data);
    else {
      counters.requests.telemetry.unasked += 1;
      this.link.publish(this.topic('dcx', ['json']), JSON.stringify(data));
    }
  }

  /** What it measured before it could tell anybody, each sample with its time, some hours to a message. */
  private sendHistory(): void {
    const { historyFrom } = this.identity;
    if (historyFrom === undefined) return;
    const until = this.world.wallClock();
    const samples: JsonObject[] = [];
    for (let at = historyFrom + HISTORY_STEP_MS; at < until; at += HISTORY_STEP_MS) {
      samples.push({ ts: new Date(at).toISOString(), ...this.behaviour.sample(HISTORY_STEP_MS / 1000, at) });
    }
    while (samples.length > 0) {
      this.request('telemetry', 'dcx', ['json'], samples.splice(0, HISTORY_MESSAGE_SAMPLES));
    }
  }

  private topic(extension: string, path: readonly string[]): Topic {
    const { appVersion, token } = this.identity;
    return { appVersion, extension, token, path };
  }

  /** False: away. */
  private request(kind: RequestKind, extension: string, path: readonly string[], body: object): boolean {
    const { link } = this;
    if (link === undefined) return false;
    const requestId = this.freeRequestId();
    if (requestId === undefined) {
      this.world.counters.skipped += 1;
      return false;
    }
    const { scheduler, counters, options, clock } = this.world;
    const tally = counters.requests[kind];
    tally.sent += 1;
    const cancel = scheduler.after(options['answer-timeout'] * 1000, () => {
      this.pending.delete(requestId);
      tally.silent += 1;
    });
    this.pending.set(requestId, { kind, sentAt: clock(), cancel });
    link.publish({ ...this.topic(extension, path), requestId }, JSON.stringify(body));
    return true;
  }

  private freeRequestId(): string | undefined {
    for (let tried = 0; tried < MAX_REQUEST_ID; tried += 1) {
      this.lastRequestId = (this.lastRequestId % MAX_REQUEST_ID) + 1;
      const id = String(this.lastRequestId);
      if (!this.pending.has(id)) return id;
    }
    return undefined;
  }

  private answered(topic: Topic, payload: Uint8Array): void {
    const { counters, clock } = this.world;
    const id = topic.requestId ?? '';
    const pending = this.pending.get(id);
    if (pending === undefined) {
      counters.late += 1;
      return;
    }
    this.pending.delete(id);
    pending.cancel();
    const tally = counters.requests[pending.kind];
    tally.latency.record(clock() - pending.sentAt);
    if (topic.suffix === 'error') {
      tally.errors += 1;
      this.noteError(topic, payload);
      return;
    }
    tally.ok += 1;
    this.takeAnswer(pending.kind, topic, payload);
  }

  private takeAnswer(kind: RequestKind, topic: Topic, payload: Uint8Array): void {
    switch (kind) {
      case 'configuration':
        this.offerConfiguration(readDocument(payload, 'a configuration'));
        return;
      case 'software':
        this.offerFirmware(readDocument(payload, 'a software offer'));
        return;
      case 'commands':
        this.offerCommands(topic.path[1] ?? '', readCommands(payload));
        return;
      case 'telemetry':
      case 'metadata':
      case 'configuration applied':
      case 'software applied':
      case 'command result':
        readEmpty(payload, 'the answer to a write');
        return;
    }
  }

  /** Without request id: a push, or an error about a request that had none. */
  private told(topic: Topic, payload: Uint8Array): void {
    const resource = [topic.extension, ...topic.path.slice(0, 2)].join('/');
    if (topic.suffix === 'error') {
      if (topic.extension === 'dcx') this.world.counters.requests.telemetry.errors += 1;
      this.noteError(topic, payload);
    } else if (resource === 'cmx/config/json') {
      this.offerConfiguration(this.pushed(readDocument(payload, 'a configuration')));
    } else if (resource === 'cmx_ota/config/json') {
      this.offerFirmware(this.pushed(readDocument(payload, 'a software offer')));
    } else if (topic.extension === 'cex' && topic.path[0] === 'command') {
      this.offerCommands(topic.path[1] ?? '', readCommands(payload));
    } else throw new ProtocolViolation('a push to a resource that has none');
  }

  private pushed(document: OfferedDocument | undefined): OfferedDocument {
    // Kaa's python client goes deaf on it.
    if (document === undefined) throw new ProtocolViolation('a push without a document');
    return document;
  }

  private noteError(topic: Topic, payload: Uint8Array): void {
    const { statusCode, reasonPhrase } = readError(payload);
    this.world.counters.errors.add(
      `${topic.extension}/…/${topic.path.join('/')}: ${statusCode} ${reasonPhrase}`,
    );
  }

  /** Around `mean` seconds, in milliseconds, the same for the same text. */
  private delayMs(mean: number, text: string): number {
    return (
      mean *
      1000 *
      new Random(`${this.world.options.seed} ${this.identity.index} delay ${text}`).between(0.5, 1.5)
    );
  }

  private happens(share: number, text: string): boolean {
    return chance(share, `${this.world.options.seed} ${this.identity.index} ${text}`);
  }

  private offerConfiguration(document: OfferedDocument | undefined): void {
    if (document === undefined) return;
    const { configId, config } = document;
    if ([this.configId, this.refusedId, this.applying?.configId].includes(configId)) return;
    const { scheduler, counters, options } = this.world;
    if (this.applying !== undefined) {
      this.applying.cancel();
      counters.configurationsSuperseded += 1;
    }
    const cancel = scheduler.after(this.delayMs(options['config-delay'], configId), () => {
      this.applying = undefined;
      const reason = this.happens(options['config-failure'], `config ${configId}`)
        ? 'the valve does not move'
        : this.behaviour.configure(config);
      if (reason === undefined) {
        this.configId = configId;
        this.refusedId = undefined;
        counters.configurationsApplied += 1;
      } else {
        this.refusedId = configId;
        counters.configurationsRejected += 1;
      }
      this.report('cmx', reportOf(configId, reason));
    });
    this.applying = { configId, cancel };
  }

  private offerCommands(type: string, commands: readonly OfferedCommand[]): void {
    const { scheduler, options, counters } = this.world;
    for (const { id, payload } of commands) {
      const name = `${type}:${id}`;
      if (this.commands.includes(name)) {
        // Under way, or its result crossed this offer.
        counters.commandsRepeated += 1;
        continue;
      }
      this.commands.push(name);
      if (this.commands.length > REMEMBERED_COMMANDS) this.commands.shift();
      scheduler.after(this.delayMs(options['command-delay'], name), () => this.execute(type, id, payload));
    }
  }

  private execute(type: string, id: number, payload: Json | undefined): void {
    const { counters, options } = this.world;
    const name = `${type}:${id}`;
    const fails = this.happens(options['command-failure'], `command ${name}`);
    const result = fails
      ? { id, statusCode: 500, reasonPhrase: 'the motor is stuck' }
      : { id, statusCode: 200, reasonPhrase: 'OK', payload: this.behaviour.execute(type, payload) };
    if (!this.request('command result', 'cex', ['result', type], [result])) {
      // Away: the platform offers it again, and then it is to be executed.
      const place = this.commands.indexOf(name);
      if (place !== -1) this.commands.splice(place, 1);
      return;
    }
    if (fails) counters.commandsFailed += 1;
    else counters.commandsExecuted += 1;
  }

  private offerFirmware(document: OfferedDocument | undefined): void {
    if (document === undefined) return;
    const { configId, config } = document;
    if (configId === this.version || this.updatingTo !== undefined) return;
    this.updatingTo = configId;
    this.world.counters.firmwareOffers += 1;
    void this.update(configId, config);
  }

  private async update(version: string, config: JsonObject): Promise<void> {
    const { scheduler, options, counters } = this.world;
    const fault = await this.fetchFirmware(config);
    if (this.stopped) return;
    if (fault !== undefined) counters.errors.add(`firmware: ${fault}`);
    scheduler.after(fault === undefined ? this.delayMs(options['firmware-delay'], version) : 0, () => {
      const reason =
        fault ??
        (this.happens(options['firmware-failure'], `firmware ${version}`)
          ? 'the new image does not start, went back'
          : undefined);
      this.updatingTo = undefined;
      if (reason === undefined) {
        this.version = version;
        counters.firmwareApplied += 1;
      } else counters.firmwareRejected += 1;
      this.report('cmx_ota', reportOf(version, reason));
    });
  }

  /** The reason if there is no firmware to apply. */
  private async fetchFirmware({ url, sha256, size }: JsonObject): Promise<string | undefined> {
    if (typeof url !== 'string' || typeof sha256 !== 'string') return 'the offer has no url or no sha256';
    try {
      await this.world.download({ url, sha256, ...(typeof size === 'number' ? { size } : {}) });
      return undefined;
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      return error.message;
    }
  }

  private report(extension: 'cmx' | 'cmx_ota', report: Report): void {
    this.owed.set(extension, report);
    this.reportOwed();
  }

  private reportOwed(): void {
    for (const [extension, report] of this.owed) {
      const kind = extension === 'cmx' ? 'configuration applied' : 'software applied';
      if (!this.uses(extension) || this.request(kind, extension, ['applied', 'json'], { ...report })) {
        this.owed.delete(extension);
      }
    }
  }
}

const reportOf = (configId: string, reason: string | undefined): Report =>
  reason === undefined ? { configId, statusCode: 200 } : { configId, statusCode: 422, reasonPhrase: reason };

/** For messages to no device of this connection. */
export const strangeTopic = (topic: Topic | undefined): string =>
  topic === undefined
    ? 'a message on a topic that is none of kp1'
    : `a message for somebody else: ${formatTopic({ ...topic, token: '…' })}`;
