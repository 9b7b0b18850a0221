import type { Socket } from 'node:net';
import { generate, parser, type Packet, type Parser, type QoS } from 'mqtt-packet';

const MAX_PACKET_ID = 65_535;
const VERSION_3_1_1 = 4;

/** Packets of one connection, both ways. */
export class MqttLink {
  private readonly parser: Parser;
  private nextPacketId = 1;
  private reason: string | undefined;

  constructor(
    private readonly socket: Socket,
    onPacket: (packet: Packet) => void,
    private readonly log: (line: string) => void,
  ) {
    this.parser = parser({ protocolVersion: VERSION_3_1_1 });
    this.parser.on('packet', onPacket);
    this.parser.on('error', (error: Error) => this.end(`no MQTT: ${error.message}`));
    socket.on('data', (bytes: Buffer) => {
      if (!socket.destroyed) this.parser.parse(bytes);
    });
    socket.on('error', (error: Error) => this.end(error.message));
  }

  send(packet: Packet): void {
    if (this.socket.writable) this.socket.write(generate(packet));
  }

  /** The packet's id where an acknowledgement will come. */
  publish(topic: string, payload: Buffer, qos: QoS): number | undefined {
    if (qos === 0) {
      this.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false });
      return undefined;
    }
    const messageId = this.nextPacketId;
    this.nextPacketId = messageId === MAX_PACKET_ID ? 1 : messageId + 1;
    this.send({ cmd: 'publish', topic, payload, qos: 1, dup: false, retain: false, messageId });
    return messageId;
  }

  /** Without a packet: 3.1.1 has none for a server that ends. */
  end(reason: string): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.log(`mqtt: closed: ${reason}`);
    this.socket.destroy();
  }
}
