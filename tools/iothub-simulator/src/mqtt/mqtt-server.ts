import type { TLSSocket } from 'node:tls';
import type { IConnectPacket, Packet } from 'mqtt-packet';
import type { Device } from '../hub/device.js';
import type { Hub } from '../hub/hub.js';
import type { AuthorizeContext } from '../security/authorize.js';
import { admitDevice, type Admission, type ClientCertificate } from '../security/device-auth.js';
import { DeviceConnection, type Subscriptions } from './device-connection.js';
import { MqttLink } from './mqtt-link.js';

export interface MqttContext {
  readonly hub: Hub;
  authorization(): AuthorizeContext;
  certificateOf(socket: TLSSocket): ClientCertificate | undefined;
  log(line: string): void;
}

const SERVER_UNAVAILABLE = 3;
const NOT_AUTHORIZED = 5;
const CONNECT_TIMEOUT_MS = 30_000;
/** MQTT 3.1.1, 3.1.2.10: one and a half times the keep alive. */
const KEEP_ALIVE_FACTOR = 1_500;

/** The hub's MQTT side. It keeps the subscriptions of devices that connect with clean session 0. */
export class MqttServer {
  private readonly kept = new Map<string, Subscriptions>();

  constructor(private readonly context: MqttContext) {}

  accept(socket: TLSSocket): void {
    new Accepting(socket, this.context, this.kept);
  }
}

/** One connection: first it must log in, then packets go to the device's session in order, and no faster than the hub's quota. */
class Accepting {
  private readonly link: MqttLink;
  private connection: DeviceConnection | undefined;
  private inbox: Packet[] = [];
  private shaping: NodeJS.Timeout | undefined;
  private isGraceful = false;

  constructor(
    private readonly socket: TLSSocket,
    private readonly context: MqttContext,
    private readonly kept: Map<string, Subscriptions>,
  ) {
    this.link = new MqttLink(
      socket,
      (packet) => {
        this.inbox.push(packet);
        this.work();
      },
      context.log,
    );
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => this.link.end('nothing came for too long'));
    socket.on('close', () => {
      clearTimeout(this.shaping);
      this.inbox = [];
      this.connection?.ended(this.isGraceful);
    });
  }

  private work(): void {
    while (this.shaping === undefined && !this.socket.destroyed) {
      const packet = this.inbox[0];
      if (packet === undefined) return;
      const waitMs = this.isTelemetry(packet) ? this.context.hub.shape('d2cSend') : 0;
      if (waitMs > 0) {
        this.waitFor(waitMs);
        return;
      }
      this.inbox.shift();
      this.receive(packet);
    }
  }

  private isTelemetry(packet: Packet): boolean {
    return packet.cmd === 'publish' && packet.topic.startsWith('devices/');
  }

  /** Traffic shaping: the device is not read, nor answered, for a while. */
  private waitFor(ms: number): void {
    this.socket.pause();
    this.shaping = setTimeout(() => {
      this.shaping = undefined;
      this.socket.resume();
      this.work();
    }, ms);
  }

  private receive(packet: Packet): void {
    if (packet.cmd === 'connect') {
      if (this.connection === undefined) this.login(packet);
      else this.link.end('a second CONNECT');
    } else if (packet.cmd === 'disconnect') {
      this.isGraceful = true;
      this.link.end('the device said so');
    } else if (this.connection?.receive(packet) !== true) {
      this.link.end(`${packet.cmd} is not allowed`);
    }
  }

  private login(packet: IConnectPacket): void {
    const { hub } = this.context;
    if (hub.shape('connect') > 0) {
      this.refuse(SERVER_UNAVAILABLE, 'too many connections at once');
      return;
    }
    const admitted = this.admit(packet);
    if (admitted === undefined) {
      this.refuse(NOT_AUTHORIZED, `${packet.clientId} is not authorized`);
      return;
    }
    const { device, admission } = admitted;
    const { deviceId } = device.identity;
    const before = packet.clean === true ? undefined : this.kept.get(deviceId);
    const subscriptions = before ?? (new Map() as Subscriptions);
    if (packet.clean === true) this.kept.delete(deviceId);
    else this.kept.set(deviceId, subscriptions);
    const { will } = packet;
    this.connection = new DeviceConnection(
      hub,
      device,
      admission,
      this.link,
      subscriptions,
      will && {
        topic: will.topic,
        payload: Buffer.from(will.payload),
        retain: will.retain === true,
      },
    );
    this.socket.setTimeout((packet.keepalive ?? 0) * KEEP_ALIVE_FACTOR);
    this.link.send({ cmd: 'connack', returnCode: 0, sessionPresent: before !== undefined });
    this.connection.begin();
  }

  private admit({
    clientId,
    username = '',
    password,
  }: IConnectPacket): { device: Device; admission: Admission } | undefined {
    const context = this.context.authorization();
    // {host}/{device id}/?api-version=…, where the slash before the question mark may be missing.
    const [, host = '', deviceId = ''] = /^([^/]+)\/([^/?]+)\/?\??api-version=/.exec(username) ?? [];
    const device = this.context.hub.registry.devices.get(clientId);
    if (device === undefined || deviceId !== clientId || !context.hostNames.has(host.toLowerCase())) {
      return undefined;
    }
    const admission = admitDevice(
      device,
      {
        deviceId,
        ...(password === undefined ? {} : { password: password.toString('utf8') }),
        certificate: this.context.certificateOf(this.socket),
      },
      context,
    );
    return admission && { device, admission };
  }

  private refuse(returnCode: number, reason: string): void {
    this.context.log(`mqtt: refused: ${reason}`);
    this.link.send({ cmd: 'connack', returnCode, sessionPresent: false });
    this.socket.end();
  }
}
