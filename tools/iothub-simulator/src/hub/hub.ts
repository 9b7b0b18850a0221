import { randomBytes } from 'node:crypto';
import { BuiltInEndpoint, type EndpointOptions } from './built-in-endpoint.js';
import { wantsFeedback, type C2dLimits, type C2dMessage, type Locked, type Settled } from './c2d-queue.js';
import type { Clock } from './clock.js';
import { twinJson, type Device, type DeviceSession } from './device.js';
import type { HubEvent } from './event-log.js';
import { Faults } from './faults.js';
import { Feedback, type FeedbackOptions } from './feedback.js';
import { HubError } from './hub-error.js';
import { notification, type OpType, type RouteSource } from './hub-events.js';
import type { Identity } from './identity.js';
import type { JsonObject } from './json.js';
import { Methods } from './methods.js';
import { runQuery, type Page, type QueryResult } from './query.js';
import { METHOD_BLOCK_BYTES, Quotas, type QuotaClass, type QuotaOptions } from './quotas.js';
import { Registry } from './registry.js';
import type { TwinLimits } from './twin-limits.js';
import { Twins } from './twins.js';

export interface HubOptions {
  /** The application property `hubName` of the hub's own events. */
  readonly name: string;
  /** Undefined: nothing is throttled. */
  readonly quotas: QuotaOptions | undefined;
  readonly routes: readonly RouteSource[];
  readonly coalesceTwinEventsMs: number;
  readonly twinLimits: TwinLimits;
  readonly c2d: C2dLimits & { readonly defaultTtlMs: number; readonly maxTtlMs: number };
  readonly feedback: FeedbackOptions;
  readonly endpoint: EndpointOptions;
}

export interface C2dRequest extends Omit<C2dMessage, 'enqueuedAt' | 'expiresAt'> {
  /** Undefined: the hub's default from now. */
  readonly expiresAt: number | undefined;
}

/**
 * One IoT hub, in memory, without a socket: REST, AMQP and MQTT are ways to it. Time comes from the clock; what has a deadline
 * happens at the next `tick`.
 */
export class Hub {
  readonly faults: Faults;
  readonly registry: Registry;
  readonly twins: Twins;
  readonly methods: Methods;
  readonly feedback: Feedback;
  readonly events: BuiltInEndpoint;
  readonly routes: Set<RouteSource>;
  private quotas: Quotas;
  private readonly feedbackListeners = new Set<() => void>();
  private nextConnectionEvent = 1;
  private readonly startedAt: number;

  constructor(
    private readonly options: HubOptions,
    private readonly clock: Clock,
    /** The clock of signatures, before skew. */
    private readonly signatureClock: Clock,
  ) {
    const now = (): number => clock.now();
    this.startedAt = now();
    this.faults = new Faults(() => this.events.notify());
    this.events = new BuiltInEndpoint(options.endpoint, this.faults, this.startedAt);
    this.routes = new Set(options.routes);
    this.quotas = new Quotas(options.quotas);
    this.feedback = new Feedback(options.feedback, () => {
      for (const listener of this.feedbackListeners) listener();
    });
    this.registry = new Registry({
      now,
      signatureNow: () => this.signatureNow(),
      newKey,
      c2dLimits: options.c2d,
      onLifecycle: (opType, deviceId, twin) => this.notify('DeviceLifecycleEvents', opType, deviceId, twin),
      onPurged: (settled, identity) => this.settled(settled, identity),
    });
    const device = (deviceId: string): Device => this.registry.get(deviceId);
    this.twins = new Twins({
      now,
      device,
      limits: options.twinLimits,
      coalesceMs: options.coalesceTwinEventsMs,
      emit: (opType, deviceId, body) => this.notify('TwinChangeEvents', opType, deviceId, body),
    });
    this.methods = new Methods({ now, device });
  }

  now(): number {
    return this.clock.now();
  }

  /** The clock that expiries of signatures are held against, with its skew. */
  signatureNow(): number {
    return this.faults.of('clock-skew').reduce((now, { ms }) => now + ms, this.signatureClock.now());
  }

  /** Everything that happens by time alone. Call it often. */
  tick(): void {
    const now = this.now();
    const signatureNow = this.signatureNow();
    this.twins.tick(now);
    this.methods.tick(now);
    for (const device of this.registry.devices.values()) {
      const { session, queue } = device;
      if (session !== undefined && session.expiresAt <= signatureNow) session.close('its token has expired');
      if (queue.length === 0) continue;
      this.settled(queue.expire(now), device.identity);
      session?.c2dWaiting();
    }
    this.feedback.tick(now);
    this.events.tick(now);
  }

  /** Throws ThrottlingException. */
  throttle(what: QuotaClass, tokens = 1): void {
    const { waitMs } = this.quotas.take(what, this.now(), tokens);
    if (waitMs > 0) {
      throw new HubError('ThrottlingException', `Request throttled: ${what}; wait ${waitMs} ms`);
    }
  }

  /** For device-to-cloud messages, which are slowed down and not refused. */
  shape(what: QuotaClass): number {
    return this.quotas.take(what, this.now()).waitMs;
  }

  setQuotas(options: QuotaOptions | undefined): void {
    this.quotas = new Quotas(options);
  }

  invoke(deviceId: string, body: unknown): ReturnType<Methods['invoke']> {
    this.throttle('method', Math.ceil((JSON.stringify(body).length + 1) / METHOD_BLOCK_BYTES));
    return this.methods.invoke(deviceId, body);
  }

  query(text: string, page: Page): QueryResult {
    return runQuery(text, [...this.registry.devices.values()].map(twinJson), page);
  }

  /** A device's session begins; another one of the same device ends. */
  connected(device: Device, session: DeviceSession): void {
    const now = this.now();
    const before = device.session;
    device.session = session;
    before?.close('the device connected again');
    device.connectionStateUpdatedAt = now;
    device.lastActivityAt = now;
    this.connectionEvent('deviceConnected', device, now);
  }

  disconnected(device: Device, session: DeviceSession): void {
    // Who was replaced by a newer session of its own device does not end that one.
    if (device.session !== session) return;
    const now = this.now();
    delete device.session;
    device.connectionStateUpdatedAt = now;
    device.lastActivityAt = now;
    this.connectionEvent('deviceDisconnected', device, now);
  }

  telemetry(device: Device, event: HubEvent): void {
    const now = this.now();
    device.lastActivityAt = now;
    if (!this.routes.has('DeviceMessages')) return;
    this.events.publish(device.identity.deviceId, event, now);
  }

  /** Throws DeviceNotFound and DeviceMaximumQueueDepthExceeded. */
  sendToDevice(deviceId: string, request: C2dRequest): void {
    const device = this.registry.get(deviceId);
    const now = this.now();
    const { defaultTtlMs, maxTtlMs } = this.options.c2d;
    const { expiresAt = now + defaultTtlMs, ...message } = request;
    if (expiresAt > now + maxTtlMs) {
      throw new HubError('ArgumentInvalid', `The message lives longer than ${maxTtlMs} ms`);
    }
    device.queue.enqueue({ ...message, enqueuedAt: now, expiresAt });
    device.session?.c2dWaiting();
  }

  lockForDevice(device: Device): Locked | undefined {
    return device.queue.lock(this.now());
  }

  completeForDevice(device: Device, lockToken: number): void {
    this.settled(asList(device.queue.complete(lockToken)), device.identity);
  }

  abandonForDevice(device: Device, lockToken: number): void {
    this.settled(asList(device.queue.abandon(lockToken)), device.identity);
  }

  /** The oldest that nobody has locked. False: there is none. */
  rejectOldest(deviceId: string): boolean {
    const device = this.registry.get(deviceId);
    const locked = this.lockForDevice(device);
    if (locked === undefined) return false;
    this.settled(asList(device.queue.reject(locked.lockToken)), device.identity);
    return true;
  }

  /** How many were removed. */
  purge(deviceId: string): number {
    const device = this.registry.get(deviceId);
    const purged = device.queue.purge();
    this.settled(purged, device.identity);
    return purged.length;
  }

  /** After a key of a policy has changed. */
  closeInvalidSessions(): void {
    for (const { session, identity } of this.registry.devices.values()) {
      if (session?.isStillValid(identity, this.signatureNow()) === false)
        session.close('its key was revoked');
    }
  }

  connectedDeviceCount(): number {
    return [...this.registry.devices.values()].filter(({ session }) => session !== undefined).length;
  }

  /** Calls `listener` whenever there may be feedback to read. Returns how to end that. */
  onFeedback(listener: () => void): () => void {
    this.feedbackListeners.add(listener);
    return () => this.feedbackListeners.delete(listener);
  }

  private settled(settled: readonly Settled[], { deviceId, generationId }: Identity): void {
    for (const one of settled.filter(wantsFeedback)) {
      this.feedback.record(one, deviceId, generationId, this.now());
    }
  }

  private connectionEvent(
    opType: Extract<OpType, `device${string}connected` | 'deviceConnected'>,
    device: Device,
    now: number,
  ): void {
    const { deviceId } = device.identity;
    // Compared as a text: rising also across restarts of the simulator.
    const sequenceNumber = `${hex(this.startedAt, 32)}${hex(this.nextConnectionEvent++, 32)}`;
    this.publish('DeviceConnectionStateEvents', opType, deviceId, { sequenceNumber }, now);
  }

  private notify(
    source: 'TwinChangeEvents' | 'DeviceLifecycleEvents',
    opType: OpType,
    deviceId: string,
    body: JsonObject,
  ): void {
    this.publish(source, opType, deviceId, body, this.now());
  }

  private publish(
    source: Exclude<RouteSource, 'DeviceMessages'>,
    opType: OpType,
    deviceId: string,
    body: JsonObject,
    now: number,
  ): void {
    if (!this.routes.has(source)) return;
    this.events.publish(deviceId, notification(source, opType, deviceId, this.options.name, body, now), now);
  }
}

/** 32 bytes in base64, as Azure makes them. */
export const newKey = (): string => randomBytes(32).toString('base64');

const hex = (number: number, digits: number): string =>
  number.toString(16).toUpperCase().padStart(digits, '0');

const asList = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);
