import { randomUUID } from 'node:crypto';
import { AppError, isPassing } from '@muster/contracts';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { IConnectPacket, Packet } from 'mqtt-packet';
import type { Arrival } from '../arrival.js';
import { BrokerSession } from '../broker/broker-session.js';
import type { Identity } from '../login/identity.js';
import type { DisconnectReason } from '../presence/presence.js';
import type { Listed } from './clients.js';
import { brokerClientId, judgeConnect, keepsSession, protocolOf } from './connect-rules.js';
import { Flow } from './flow.js';
import { PacketReader } from './packet-reader.js';
import { Packets } from './packets.js';
import { connackFor, forBroker, willFor } from './passed-on.js';
import { Wire, type ConnackRefusal } from './protocol.js';
import type { ClientParts, Speaker } from './client-parts.js';
import { judgeWill, type WillRight } from './will.js';

const NO_ONE: Identity = { kind: 'anonymous' };
/** A client that takes nothing for so long is gone, whatever else it says. */
const STALLED_MS = 60_000;
/** Whoever comes to another front is connected there within that, or was not let in by the broker. */
const MOVING_MS = 10_000;
/** A shorter rest is put off: a timer for each message would cost more than the message. */
const LEAST_REST_MS = 50;

/**
 * One client, from its arrival to its end: CONNECT → who it is → its connection to the broker, which is opened only for a
 * device → packets (packets.ts) → the reason of its end.
 */
export class Client implements Listed, Speaker {
  readonly id = randomUUID();
  readonly flow: Flow;
  wire = new Wire('3.1.1');
  identity: Identity = NO_ONE;
  device: { readonly tenantId: string; readonly deviceId: string } | undefined;
  session: BrokerSession | undefined;
  filters = new Set<string>();
  /** As it gave it, or as it was given one. */
  clientId = '';
  /** Tokens that it has used, with the application version. */
  private readonly used = new Map<string, string>();
  private readonly speaksFor = new Set<string>();
  private readonly packets: Packets;
  private readonly reader: PacketReader;
  private connect: IConnectPacket | undefined;
  private brokerId: string | undefined;
  private keepaliveMs = 0;
  private readonly arrivedAt = performance.now();
  private isConnected = false;
  private isOver = false;
  private isSuperseded = false;
  /** `performance.now()` of when it was about to be connected by another front. */
  private cameElsewhereAt = -Infinity;
  /** Where it may publish for as long as it has its will there. */
  private will: WillRight | undefined;
  /** The broker is being asked for a session of this client, for this connection or the one before. Never rejects. */
  private asking: Promise<unknown> = Promise.resolve();

  constructor(
    readonly arrival: Arrival,
    readonly parts: ClientParts,
  ) {
    this.reader = new PacketReader(parts.options.maxConnectBytes);
    this.packets = new Packets(this);
    this.flow = new Flow(arrival.stream, this.reader, parts.room, arrival.socket, {
      packet: (packet) => this.receive(packet),
      fault: (why) => this.fault(why),
      ended: () => this.end('lost'),
      filled: () => this.session?.pause(),
      emptied: () => this.session?.resume(),
      begin: () => this.session?.cork(),
      done: () => this.session?.uncork(),
    });
    parts.clients.add(this);
  }

  isEnded(): boolean {
    return this.isOver;
  }

  /** A fault of ours ends the client whose packet shows it, and nobody else. Never throws, never rejects. */
  private receive(packet: Packet): void | Promise<void> {
    const failed = (error: unknown): void => {
      this.parts.logger.error(
        { err: error, clientId: this.clientId },
        `a ${packet.cmd} could not be dealt with`,
      );
      this.end('unavailable', messageOf(error));
    };
    try {
      const work = this.dealWith(packet);
      return work instanceof Promise ? work.catch(failed) : work;
    } catch (error) {
      failed(error);
    }
  }

  private dealWith(packet: Packet): void | Promise<void> {
    if (this.isOver) return;
    if (packet.cmd === 'connect') {
      if (this.connect === undefined) {
        this.connect = packet;
        return this.connecting(packet);
      }
      this.end('protocol-error', 'a second CONNECT');
    } else if (this.isConnected) return this.packets.receive(packet);
    else this.end('protocol-error', 'something else before CONNECT');
  }

  /** Never rejects. */
  private async connecting(packet: IConnectPacket): Promise<void> {
    const { parts, arrival } = this;
    this.wire = new Wire(protocolOf(packet), packet.properties?.maximumPacketSize);
    const verdict = judgeConnect(packet, parts.broker.watch.speaksFive, () => `auto-${randomUUID()}`);
    if (!verdict.ok) {
      this.refuse(verdict.refusal, verdict.why);
      return;
    }
    this.clientId = verdict.clientId;
    this.keepaliveMs = (packet.keepalive ?? 0) * 1_500;
    try {
      parts.checkReady();
      parts.bounds.isExamined(arrival.socket);
      this.identity = await this.identify(packet);
      if (this.identity.kind === 'anonymous') parts.bounds.isStranger(arrival.socket);
      if (this.isEnded()) return;
      const will = packet.will === undefined ? undefined : await judgeWill(packet.will, this);
      if (will?.kind === 'refused') {
        this.refuse('not-authorised', `its will: ${will.why}`);
        return;
      }
      this.will = will;
      // The topic of a will names a device as any other does; and it is the broker that will publish it.
      const of = this.identity.kind === 'device' ? this.identity : will?.entry;
      if (of !== undefined) await this.bind(of);
    } catch (error) {
      this.refuse(refusalOf(error), messageOf(error));
      return;
    }
    if (this.isEnded()) return;
    parts.metrics.connects.inc({ transport: arrival.transport, outcome: this.identity.kind });
    this.isConnected = true;
    this.reader.allow(parts.options.maxPacketBytes);
    const assigned = verdict.isAssigned ? this.clientId : undefined;
    const { maxPacketBytes } = parts.options;
    this.flow.write(
      this.wire.connack(connackFor(this.wire, this.session?.connack, { maxPacketBytes, assigned })),
    );
    this.startSession();
  }

  private identify({ username, password }: IConnectPacket): Promise<Identity> {
    const { certificates, address, transport } = this.arrival;
    return this.parts.login.identify({
      clientId: this.clientId,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...{ certificates, address, transport },
    });
  }

  /**
   * From the first topic on that names a device: opens the broker for it. False: it is ended, because the broker is away, and it
   * has been told already that it is connected. Never rejects.
   */
  async become(entry: AccessEntry): Promise<boolean> {
    try {
      await this.bind(entry);
    } catch (error) {
      this.end('broker', messageOf(error));
    }
    if (this.isOver) return false;
    this.startSession();
    return true;
  }

  /** Not acknowledged, so that it comes again: a fault of ours refuses nobody. */
  cannotDecide(why: string): void {
    this.end('unavailable', `its device could not be asked for: ${why}`);
  }

  /** Something that it sent counts, for its device if it is not said for whom. */
  charge(units: number, device = this.device ?? { tenantId: '', deviceId: this.id }): void {
    this.leaveUnread('messages', this.parts.pace.charge(device, units));
  }

  /** What it sent was refused. */
  opensNothing(): void {
    this.leaveUnread('refusals', this.parts.pace.guessed(this.arrival.address));
  }

  private leaveUnread(limit: string, ms: number): void {
    if (ms < LEAST_REST_MS) return;
    this.parts.metrics.rests.inc({ limit });
    this.flow.leaveUnread(ms);
  }

  /** It speaks for this device, whether for the first time or not. */
  uses({ token, tenantId, deviceId }: AccessEntry, appVersion: string): void {
    if (this.used.get(token) === appVersion) return;
    this.used.set(token, appVersion);
    if (this.speaksFor.has(deviceId)) return;
    this.speaksFor.add(deviceId);
    if (this.device !== undefined && deviceId !== this.device.deviceId) {
      this.parts.clients.speaksFor(this, deviceId);
      this.parts.presence.used({ connection: this.id, tenantId, deviceId, at: new Date() });
    }
  }

  private async bind({ tenantId, deviceId }: { tenantId: string; deviceId: string }): Promise<void> {
    const { parts, connect, clientId } = this;
    const { nodes, inTurn, watch } = parts.broker;
    if (connect === undefined) return;
    const { clean, protocolId, protocolVersion, properties } = connect;
    const brokerId = brokerClientId(tenantId, deviceId, clientId);
    const { will } = connect;
    if (will?.retain === true) parts.metrics.retained.inc();
    this.device = { tenantId, deviceId };
    this.brokerId = brokerId;
    this.speaksFor.add(deviceId);
    // Before its turn at the broker: in a storm it would be the first to go while it waits, and would come again, for ever.
    parts.bounds.hasProved(this.arrival.socket);
    parts.room.isOf(this.arrival.socket, deviceId);
    this.asking = parts.clients.bind(this, deviceId, brokerId);
    await this.asking;
    const keeps = keepsSession(connect);
    const session = await inTurn(() => {
      // While the broker does not answer, many wait for their turn and leave before it has come.
      if (this.isOver) throw new AppError('unavailable', 'it left before its turn');
      if (!watch.isThere) throw new AppError('unavailable', 'the broker is away');
      parts.others.tell({ deviceId, brokerId, keepsSession: keeps });
      const asked = BrokerSession.open(nodes, {
        clientId: brokerId,
        clean: clean === true,
        ...(protocolId === undefined ? {} : { protocolId }),
        ...(protocolVersion === undefined ? {} : { protocolVersion }),
        ...(will === undefined ? {} : { will: willFor(will) }),
        properties: forBroker(properties),
      });
      this.asking = asked.catch(() => undefined);
      return asked;
    });
    if (this.isOver) {
      session.leave();
      return;
    }
    this.session = session;
    if (keeps) {
      this.filters = parts.sessions.begin(deviceId, brokerId, session.connack.sessionPresent);
    } else parts.sessions.forget(deviceId, brokerId);
    parts.presence.opened({
      connection: this.id,
      clientId,
      ...this.device,
      transport: this.arrival.transport,
      protocol: this.wire.protocol,
      ...(this.arrival.address === undefined ? {} : { address: this.arrival.address }),
      at: new Date(),
    });
    // What it has shown may have been taken back while the broker was asked.
    this.review();
  }

  /** After the CONNACK, so that nothing comes before it. */
  private startSession(): void {
    const { session, flow } = this;
    if (this.isOver || session === undefined) return;
    session.start({
      packets: (packets) =>
        flow.together(() => {
          for (const packet of packets) this.packets.fromBroker(packet);
        }),
      drained: () => flow.release('broker'),
      closed: () => this.end(this.isTakenOver() ? 'taken-over' : 'broker', 'the broker ended the connection'),
    });
  }

  /** A session that is kept may have had these before; then the broker tells nobody. */
  subscribed(filters: readonly string[]): void {
    if (this.connect?.clean === true || this.brokerId === undefined) return;
    this.parts.broker.watch.tellSubscribed(this.brokerId, filters);
  }

  sendToBroker(bytes: Buffer): void {
    if (this.session?.send(bytes) === false) this.flow.hold('broker');
  }

  async supersede(): Promise<void> {
    this.isSuperseded = true;
    // Not yet at the broker, which would otherwise end it.
    if (this.session === undefined) this.end('taken-over');
    await this.asking;
  }

  cameElsewhere(): void {
    this.cameElsewhereAt = performance.now();
  }

  private isTakenOver(): boolean {
    return this.isSuperseded || performance.now() - this.cameElsewhereAt < MOVING_MS;
  }

  check(now: number): void {
    const { flow, parts } = this;
    const { connectTimeoutMs, packetTimeoutMs } = parts.options;
    if (this.connect === undefined && now - this.arrivedAt > connectTimeoutMs) {
      this.end('too-slow', 'no CONNECT in time');
      return;
    }
    if (flow.stalledSince !== undefined && now - flow.stalledSince > STALLED_MS) {
      this.end('too-slow', 'it takes nothing of what it is sent');
      return;
    }
    if (!flow.isHeld) {
      if (flow.begunAt !== undefined && now - flow.begunAt > packetTimeoutMs) {
        this.end('too-slow', 'a packet did not become whole in time');
        return;
      }
      if (this.keepaliveMs > 0 && now - flow.heardAt > this.keepaliveMs) {
        this.end('keepalive');
        return;
      }
    }
    if (this.session?.isAlive(now) === false) {
      this.end('broker', 'the broker does not answer any more');
      return;
    }
    this.review();
  }

  review(): void {
    if (!this.isOver && !this.mayStay()) this.end('revoked');
  }

  private mayStay(): boolean {
    if (!this.parts.login.stillHolds(this.identity)) return false;
    for (const [token, appVersion] of this.used) {
      if (!this.parts.access.stillHolds(this.identity, token, appVersion)) return false;
    }
    if (this.will === undefined) return true;
    return this.parts.access.stillHolds(this.identity, this.will.entry.token, this.will.appVersion);
  }

  /**
   * A fault of ours is told by the end of the connection and by nothing else. A client is not told of a wrong password then, at
   * which libraries give up for good; nor of an unavailable server (return code 3), at which mosquitto_sub does.
   */
  private refuse(refusal: ConnackRefusal | 'unavailable', why: string): void {
    if (this.isOver) return;
    this.parts.metrics.connects.inc({ transport: this.arrival.transport, outcome: refusal });
    const isOurs = refusal === 'unavailable';
    this.close(
      isOurs ? 'unavailable' : 'protocol-error',
      `CONNECT refused (${refusal}): ${why}`,
      isOurs ? undefined : this.wire.refuse(refusal),
    );
  }

  private fault(why: string): void {
    // MQTT 3.1.1, 3.1.2.2: whoever speaks another version is told so.
    if (this.connect === undefined && /protocol version/i.test(why)) {
      this.refuse('bad-protocol', why);
      return;
    }
    this.end('protocol-error', why);
  }

  /** What the client said last, DISCONNECT, goes to the broker with `goodbye`. */
  end(reason: DisconnectReason, why?: string, goodbye?: Buffer): void {
    const last = this.isConnected ? this.wire.disconnect(DISCONNECT_CODES[reason] ?? 0x80) : undefined;
    this.close(reason, why, reason === 'disconnected' ? undefined : last, goodbye);
  }

  private close(reason: DisconnectReason, why: string | undefined, last?: Buffer, goodbye?: Buffer): void {
    if (this.isOver) return;
    this.isOver = true;
    const { parts, session, device, flow, arrival } = this;
    parts.metrics.ended(reason);
    // What opens nothing any more publishes nothing any more, a will neither.
    if (reason === 'disconnected' || reason === 'stopping' || reason === 'revoked') session?.leave(goodbye);
    else session?.abandon();
    this.session = undefined;
    flow.end(last ?? (reason === 'disconnected' ? Buffer.alloc(0) : undefined));
    parts.clients.remove(this, {
      ...(device === undefined ? {} : { deviceId: device.deviceId }),
      ...(this.brokerId === undefined ? {} : { brokerId: this.brokerId }),
      spokeFor: this.speaksFor,
    });
    if (session !== undefined) parts.presence.closed({ connection: this.id, reason, at: new Date() });
    if (reason === 'disconnected' || reason === 'lost' || reason === 'stopping') return;
    const { clientId } = this;
    parts.refusals.info(
      `${device?.deviceId ?? arrival.address ?? ''} ${reason} ${why ?? ''}`,
      { ...device, clientId, address: arrival.address, transport: arrival.transport, reason, why },
      'a connection was ended',
    );
  }
}

/** Of MQTT 5. */
const DISCONNECT_CODES: Partial<Record<DisconnectReason, number>> = {
  keepalive: 0x8d,
  'taken-over': 0x8e,
  'protocol-error': 0x82,
  limit: 0x97,
  revoked: 0x87,
  broker: 0x88,
  unavailable: 0x88,
  stopping: 0x8b,
};

/** Only what the client can mend is told as its fault. */
const refusalOf = (error: unknown): ConnackRefusal | 'unavailable' => {
  if (!(error instanceof AppError) || isPassing(error) || error.status >= 500) return 'unavailable';
  return error.status === 401 ? 'bad-credentials' : 'not-authorised';
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
