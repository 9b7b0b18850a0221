import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { generate, parser, type Packet } from 'mqtt-packet';

export interface PlainOptions {
  /** `mqtt://user:password@host:port`, or `mqtts:` */
  readonly url: string;
  /** Of `mqtts:`: the authority that is trusted, PEM. */
  readonly ca?: string;
  readonly clientId: string;
  /** For each answer. */
  readonly waitMs?: number;
}

/** Enough in a storm of 10,000. */
const WAIT_MS = 120_000;

/**
 * A client of the codec alone. A library keeps every message until it is acknowledged and costs more than the door does, which
 * on one machine is taken from what is measured.
 */
export class PlainDevice {
  /** Of each PUBACK. */
  onAck: () => void = () => undefined;
  onMessage: (topic: string) => void = () => undefined;
  onClosed: () => void = () => undefined;
  private nextId = 0;
  private waiting: { readonly cmd: Packet['cmd']; readonly came: (packet: Packet) => void } | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly waitMs: number,
  ) {
    const reader = parser({ protocolVersion: 4 });
    reader.on('packet', (packet) => this.receive(packet));
    socket.on('data', (bytes) => reader.parse(bytes));
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => this.onClosed());
  }

  /** Throws when it is not let in. */
  static async open({ url, ca, clientId, waitMs = WAIT_MS }: PlainOptions): Promise<PlainDevice> {
    const { protocol, hostname, port, username, password } = new URL(url);
    const to = { host: hostname, port: Number(port), noDelay: true };
    const isSecure = protocol === 'mqtts:';
    const socket = isSecure ? connectTls({ ...to, servername: hostname, ca }) : connect(to);
    await once(socket, isSecure ? 'secureConnect' : 'connect');
    const device = new PlainDevice(socket, waitMs);
    const answer = device.answer('connack');
    socket.write(
      generate({
        ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0, clientId },
        ...(username === ''
          ? {}
          : { username: decodeURIComponent(username), password: Buffer.from(decodeURIComponent(password)) }),
      }),
    );
    const connack = await answer;
    if (connack.cmd === 'connack' && connack.returnCode !== 0) {
      throw new Error(`CONNACK ${connack.returnCode}`);
    }
    return device;
  }

  async subscribe(topic: string): Promise<void> {
    const answer = this.answer('suback');
    this.socket.write(
      generate({ cmd: 'subscribe', messageId: this.messageId(), subscriptions: [{ topic, qos: 1 }] }),
    );
    await answer;
  }

  /** QoS 1. */
  publish(topic: string, payload: string): void {
    const messageId = this.messageId();
    this.socket.write(
      generate({ cmd: 'publish', topic, payload, qos: 1, messageId, dup: false, retain: false }),
    );
  }

  close(): void {
    this.socket.destroy();
  }

  private messageId(): number {
    this.nextId = (this.nextId % 65_535) + 1;
    return this.nextId;
  }

  private receive(packet: Packet): void {
    if (packet.cmd === 'puback') this.onAck();
    else if (packet.cmd === 'publish') {
      // Without it no more than ten would come.
      if (packet.qos === 1) this.socket.write(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }));
      this.onMessage(packet.topic);
    } else if (packet.cmd === this.waiting?.cmd) this.waiting.came(packet);
  }

  private answer(cmd: Packet['cmd']): Promise<Packet> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.socket.destroy();
        reject(new Error(`no ${cmd} in time`));
      }, this.waitMs);
      const closed = (): void => {
        clearTimeout(timer);
        reject(new Error(`closed before ${cmd}`));
      };
      this.socket.once('close', closed);
      this.waiting = {
        cmd,
        came: (packet) => {
          clearTimeout(timer);
          this.socket.off('close', closed);
          this.waiting = undefined;
          resolve(packet);
        },
      };
    });
  }
}
