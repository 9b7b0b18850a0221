import type { IPublishPacket, ISubscribePacket, Packet, QoS } from 'mqtt-packet';
import type { Device, DeviceSession } from '../hub/device.js';
import type { Hub } from '../hub/hub.js';
import { HubError } from '../hub/hub-error.js';
import type { Identity } from '../hub/identity.js';
import { hubTime, type Json, type JsonObject } from '../hub/json.js';
import type { Admission } from '../security/device-auth.js';
import { c2dBag } from './c2d-bag.js';
import type { MqttLink } from './mqtt-link.js';
import { telemetryEvent } from './telemetry-event.js';
import {
  c2dTopic,
  desiredTopic,
  methodTopic,
  parseFilter,
  parseTopic,
  twinResponseTopic,
  type Published,
  type Subscription,
} from './topics.js';

export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
}

export type Subscriptions = Map<Subscription, QoS>;

const MAX_TELEMETRY_BYTES = 262_144;
const REFUSED_SUBSCRIPTION = 128;

/** A device that has logged in: what it publishes goes to the hub, what the hub has for it is published to it. */
export class DeviceConnection implements DeviceSession {
  readonly deviceId: string;
  readonly authMethod: string;
  readonly expiresAt: number;
  /** Locks of messages by the packet that carries them. */
  private readonly inFlight = new Map<number, number>();

  constructor(
    private readonly hub: Hub,
    private readonly device: Device,
    private readonly admission: Admission,
    private readonly link: MqttLink,
    private readonly subscriptions: Subscriptions,
    private readonly will: Will | undefined,
  ) {
    this.deviceId = device.identity.deviceId;
    this.authMethod = admission.authMethod;
    this.expiresAt = admission.expiresAt;
  }

  isStillValid(identity: Identity, signatureNow: number): boolean {
    return this.admission.isStillValid(identity, signatureNow);
  }

  /** After the CONNACK: what an earlier session has subscribed to is there again. */
  begin(): void {
    this.hub.connected(this.device, this);
    this.c2dWaiting();
    if (this.subscriptions.has('methods')) this.hub.methods.deviceListens(this.device);
  }

  /** False: nothing more is wanted from this client. */
  receive(packet: Packet): boolean {
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- a client may send no others
    switch (packet.cmd) {
      case 'publish':
        return this.published(packet);
      case 'puback':
        this.acknowledged(packet.messageId ?? 0);
        return true;
      case 'subscribe':
        this.subscribe(packet);
        return true;
      case 'unsubscribe':
        for (const filter of packet.unsubscriptions) {
          const subscription = parseFilter(this.deviceId, filter);
          if (subscription !== undefined) this.subscriptions.delete(subscription);
        }
        this.link.send({ cmd: 'unsuback', messageId: packet.messageId ?? 0, granted: [] });
        return true;
      case 'pingreq':
        this.link.send({ cmd: 'pingresp' });
        return true;
      default:
        return false;
    }
  }

  /** The connection is over. `isGraceful`: the device has said so, and its will is void. */
  ended(isGraceful: boolean): void {
    if (!isGraceful && this.will !== undefined) this.publishWill(this.will);
    for (const lockToken of this.inFlight.values()) this.hub.abandonForDevice(this.device, lockToken);
    this.inFlight.clear();
    this.hub.disconnected(this.device, this);
  }

  desiredChanged(patch: JsonObject, version: number): void {
    if (!this.subscriptions.has('desired')) return;
    this.publish('desired', desiredTopic(version), { ...patch, $version: version });
  }

  c2dWaiting(): void {
    const qos = this.subscriptions.get('c2d');
    if (qos === undefined) return;
    for (;;) {
      const locked = this.hub.lockForDevice(this.device);
      if (locked === undefined) return;
      const topic = c2dTopic(this.deviceId, c2dBag(this.deviceId, locked));
      const packetId = this.link.publish(topic, locked.message.body, qos);
      if (packetId === undefined) this.hub.completeForDevice(this.device, locked.lockToken);
      else this.inFlight.set(packetId, locked.lockToken);
    }
  }

  invoke(requestId: string, methodName: string, payload: string): boolean {
    const qos = this.subscriptions.get('methods');
    if (qos === undefined) return false;
    this.link.publish(methodTopic(methodName, requestId), Buffer.from(payload), qos);
    return true;
  }

  close(reason: string): void {
    this.link.end(reason);
  }

  private published(packet: IPublishPacket): boolean {
    const topic = parseTopic(this.deviceId, packet.topic);
    if (topic === undefined || packet.qos === 2) return false;
    const payload = Buffer.from(packet.payload);
    if (topic.type === 'telemetry' && payload.length > MAX_TELEMETRY_BYTES) return false;
    this.carryOut(topic, payload, packet.retain);
    if (packet.qos === 1) this.link.send({ cmd: 'puback', messageId: packet.messageId ?? 0 });
    return true;
  }

  private carryOut(topic: Published, payload: Buffer, retain: boolean): void {
    switch (topic.type) {
      case 'telemetry':
        this.telemetry(topic.bag, payload, retain, false);
        return;
      case 'getTwin':
        this.answerTwin(topic.requestId, () => {
          this.hub.throttle('twinRead');
          return { status: 200, body: this.hub.twins.ofDevice(this.deviceId) };
        });
        return;
      case 'reportProperties':
        this.answerTwin(topic.requestId, () => {
          this.hub.throttle('twinUpdate');
          return { status: 204, version: this.hub.twins.report(this.deviceId, parseJson(payload)) };
        });
        return;
      case 'methodResult': {
        const { requestId, status } = topic;
        this.hub.methods.answer(this.deviceId, requestId, { status, payload: parseJson(payload) ?? null });
      }
    }
  }

  private answerTwin(
    requestId: string,
    act: () => { readonly status: number; readonly body?: JsonObject; readonly version?: number },
  ): void {
    try {
      const { status, body, version } = act();
      this.publish('twinResponses', twinResponseTopic(status, requestId, version), body);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      this.publish('twinResponses', twinResponseTopic(error.status, requestId), {
        errorCode: error.status * 1_000 + 1,
        message: error.message,
        timestampUtc: hubTime(this.hub.now()),
      });
    }
  }

  private subscribe({ messageId = 0, subscriptions }: ISubscribePacket): void {
    const granted = subscriptions.map(({ topic, qos }) => {
      const subscription = parseFilter(this.deviceId, topic);
      if (subscription === undefined) return REFUSED_SUBSCRIPTION;
      const allowed = qos === 0 ? 0 : 1;
      this.subscriptions.set(subscription, allowed);
      return allowed;
    });
    this.link.send({ cmd: 'suback', messageId, granted });
    if (this.subscriptions.has('methods')) this.hub.methods.deviceListens(this.device);
    this.c2dWaiting();
  }

  private acknowledged(packetId: number): void {
    const lockToken = this.inFlight.get(packetId);
    if (lockToken === undefined) return;
    this.inFlight.delete(packetId);
    this.hub.completeForDevice(this.device, lockToken);
  }

  private publish(subscription: Subscription, topic: string, body: JsonObject | undefined): void {
    const qos = this.subscriptions.get(subscription);
    if (qos === undefined) return;
    this.link.publish(topic, Buffer.from(body === undefined ? '' : JSON.stringify(body)), qos);
  }

  private publishWill({ topic, payload, retain }: Will): void {
    const parsed = parseTopic(this.deviceId, topic);
    if (parsed?.type === 'telemetry') this.telemetry(parsed.bag, payload, retain, true);
  }

  private telemetry(
    bag: ReadonlyMap<string, string>,
    payload: Buffer,
    retain: boolean,
    isWill: boolean,
  ): void {
    const { deviceId, authMethod } = this;
    const message = { deviceId, authMethod, bag, payload, retain, isWill };
    this.hub.telemetry(this.device, telemetryEvent(message, this.hub.now()));
  }
}

/** Undefined: no JSON. Microsoft's SDK sends a space for nothing. */
const parseJson = (payload: Buffer): Json | undefined => {
  try {
    return JSON.parse(payload.toString('utf8')) as Json;
  } catch {
    return undefined;
  }
};
