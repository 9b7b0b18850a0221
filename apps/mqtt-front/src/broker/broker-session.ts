import { connect, type Socket } from 'node:net';
import { AppError } from '@muster/contracts';
import { generate, type IConnackPacket, type IConnectPacket, type Packet } from 'mqtt-packet';
import { PacketReader } from '../client/packet-reader.js';
import type { BrokerAddress, BrokerNodes } from './broker-nodes.js';

/** What a client's own CONNECT says, checked. */
export type BrokerConnect = Pick<
  IConnectPacket,
  'clientId' | 'clean' | 'will' | 'protocolId' | 'protocolVersion' | 'properties'
>;

export interface BrokerEvents {
  packets(packets: readonly Packet[]): void;
  drained(): void;
  /** Once; not after `leave` or `abandon`. */
  closed(): void;
}

/** RabbitMQ never sends more than this: `max_message_size` of deploy/rabbitmq, and a topic. */
const MAX_PACKET_BYTES = 5 * 1024 * 1024;
/** A broker that is there answers within milliseconds; in a storm of connections within seconds. */
const CONNECT_MS = 10_000;
/** The front says something so often, and RabbitMQ ends what has been silent for one and a half times this. */
const BROKER_KEEPALIVE_SECONDS = 120;
/** Who hears nothing, or says nothing, for so long asks whether the broker is there. */
const QUIET_MS = BROKER_KEEPALIVE_SECONDS * 500;
/**
 * So long without an answer it is not. Not sooner: a broker that has no room, of memory or disk, does not read who publishes, and answers
 * when it has some again.
 */
const SILENT_MS = 60_000;

/**
 * One client's connection to the broker. It has a keepalive of the front's own, so that a client which is not read for a
 * while is not taken for dead.
 */
export class BrokerSession {
  /** `performance.now()`, as all times here. */
  private lastSentAt = performance.now();
  private heardAt = performance.now();
  /** Since when a question whether it is there has no answer. */
  private askedAt: number | undefined;
  private readonly early: Packet[] = [];
  private events: BrokerEvents | undefined;
  private isOver = false;

  private constructor(
    private readonly socket: Socket,
    private readonly reader: PacketReader,
    readonly connack: IConnackPacket,
  ) {}

  /** At the next node that takes connections. Throws `unavailable`: all are away; that one is silent, or does not let the front in. */
  static async open(nodes: BrokerNodes, wanted: BrokerConnect): Promise<BrokerSession> {
    let away: unknown;
    for (const address of nodes.inTurn()) {
      try {
        return await BrokerSession.openAt(address, wanted);
      } catch (error) {
        if (!(error instanceof NodeAway)) throw error;
        away = error.cause;
      }
    }
    throw new AppError('unavailable', 'the broker is away', { cause: away });
  }

  private static openAt(address: BrokerAddress, wanted: BrokerConnect): Promise<BrokerSession> {
    const { protocolVersion = 4 } = wanted;
    const { host, port, username, password } = address;
    const reader = new PacketReader(MAX_PACKET_BYTES, protocolVersion);
    const socket = connect({ host, port, noDelay: true });
    return new Promise((resolve, reject) => {
      const fail = (why: string, cause?: unknown): void => {
        clearTimeout(late);
        socket.removeAllListeners().on('error', () => undefined);
        socket.destroy();
        // Nothing was said yet: there was no connection.
        const isAway = socket.bytesWritten === 0;
        reject(isAway ? new NodeAway(cause ?? why) : new AppError('unavailable', why, { cause }));
      };
      const late = setTimeout(() => fail('the broker did not answer in time'), CONNECT_MS);
      socket.on('error', (error) => fail('the broker is away', error));
      socket.on('close', () => fail('the broker closed the connection'));
      socket.once('connect', () => {
        socket.write(
          generate(
            {
              ...{ cmd: 'connect', keepalive: BROKER_KEEPALIVE_SECONDS, username },
              ...wanted,
              password: Buffer.from(password),
            },
            { protocolVersion },
          ),
        );
      });
      socket.on('data', (bytes) => {
        const [connack, ...early] = reader.push(bytes);
        if (connack === undefined && reader.fault === undefined) return;
        if (connack?.cmd !== 'connack') {
          fail(reader.fault ?? 'the broker answered no CONNACK');
          return;
        }
        const code = connack.reasonCode ?? connack.returnCode;
        if (code !== 0) {
          fail(`the broker refused the front's connection with ${code}`);
          return;
        }
        clearTimeout(late);
        socket.removeAllListeners();
        socket.pause();
        const session = new BrokerSession(socket, reader, connack);
        session.early.push(...early);
        session.follow();
        resolve(session);
      });
    });
  }

  /** The broker forgets the session of this client, with all that waits in it. Throws as `open` does. */
  static async discard(nodes: BrokerNodes, clientId: string): Promise<void> {
    (await BrokerSession.open(nodes, { clientId, clean: true })).leave();
  }

  /** From here on its packets are handed over; what came together with the CONNACK first. */
  start(events: BrokerEvents): void {
    this.events = events;
    events.packets(this.early.splice(0));
    if (this.isOver) events.closed();
    else this.socket.resume();
  }

  /** False: no more until `drained`. */
  send(bytes: Buffer): boolean {
    this.lastSentAt = performance.now();
    return this.socket.write(bytes);
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  ping(): void {
    this.send(PINGREQ);
  }

  /**
   * To be called now and then: keeps the connection, and asks whether the broker is still there. False: it is gone without a word, as
   * with a machine that lost its power; TCP would notice after a quarter of an hour.
   */
  isAlive(now: number): boolean {
    // Its answers are not read while the client takes nothing.
    const isHeard = !this.socket.isPaused();
    if (!isHeard) this.askedAt = undefined;
    if (this.askedAt !== undefined) return now - this.askedAt < SILENT_MS;
    const quietSince = isHeard ? Math.min(this.lastSentAt, this.heardAt) : this.lastSentAt;
    if (now - quietSince > QUIET_MS) {
      this.askedAt = now;
      this.ping();
    }
    return true;
  }

  /** Says goodbye, so that the broker publishes no will; what was sent before is taken. */
  leave(last: Buffer = DISCONNECT): void {
    this.detach();
    this.socket.end(last);
    this.socket.setTimeout(CONNECT_MS, () => this.socket.destroy());
    this.socket.resume();
  }

  /** The client is gone without a word: the broker publishes its will. */
  abandon(): void {
    this.detach();
    // Not `destroy` at once: what the client sent before is still under way.
    this.socket.end();
    this.socket.setTimeout(CONNECT_MS, () => this.socket.destroy());
    this.socket.resume();
  }

  private detach(): void {
    this.isOver = true;
    this.events = undefined;
    this.socket.removeAllListeners().on('error', () => undefined);
  }

  private follow(): void {
    const { socket, reader } = this;
    socket.on('data', (bytes) => {
      this.heardAt = performance.now();
      this.askedAt = undefined;
      this.events?.packets(reader.push(bytes));
      if (reader.fault !== undefined) socket.destroy();
    });
    socket.on('drain', () => this.events?.drained());
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      this.isOver = true;
      this.events?.closed();
    });
  }
}

/** It took no connection: another node may. */
class NodeAway extends Error {
  constructor(override readonly cause: unknown) {
    super('a node of the broker is away');
  }
}

const PINGREQ = Buffer.from([0xc0, 0x00]);
const DISCONNECT = Buffer.from([0xe0, 0x00]);
