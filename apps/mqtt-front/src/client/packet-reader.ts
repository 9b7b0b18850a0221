import { parser, type Packet, type Parser } from 'mqtt-packet';

/** The codec keeps the packet that it is in the middle of where it can be seen, though its types do not say so. */
type OpenParser = Parser & { readonly packet: { readonly length?: number } };

/** So much is given to the codec at once: what comes out of it before anybody can say "wait" is bounded by that. */
export const SLICE_BYTES = 8_192;

/** What the answer names it by, which is never 0 (MQTT 3.1.1, [MQTT-2.3.1-1]; MQTT 5, [MQTT-2.2.1-3]). */
const wantsId = (packet: Packet): boolean =>
  packet.cmd === 'subscribe' || packet.cmd === 'unsubscribe' || (packet.cmd === 'publish' && packet.qos > 0);

/**
 * mqtt-packet with bounds: a packet that is announced to be larger than `maxBytes` is a fault before its bytes are kept, and
 * whatever the codec throws is a fault of the client.
 */
export class PacketReader {
  private readonly parser: OpenParser;
  private read: Packet[] = [];
  private firstFault: string | undefined;
  private hasConnect = false;

  constructor(
    private maxBytes: number,
    protocolVersion?: number,
  ) {
    // The types leave `packet` out.
    this.parser = parser(protocolVersion === undefined ? undefined : { protocolVersion }) as OpenParser;
    this.parser.on('packet', (packet) => {
      if ((packet.length ?? 0) > this.maxBytes && !this.hasConnect) this.fail(this.tooLarge());
      if (packet.cmd === 'connect') {
        this.hasConnect = true;
        // The codec lets it through: of two bits, one value is none (MQTT 3.1.1, 3.1.2.6).
        if (Number(packet.will?.qos) > 2) this.fail('a will of QoS 3');
      }
      if (wantsId(packet) && packet.messageId === 0)
        this.fail(`a ${packet.cmd} whose packet identifier is 0`);
      if (this.firstFault === undefined) this.read.push(packet);
    });
    this.parser.on('error', (error: Error) => this.fail(error.message));
  }

  /** For what comes from now on. */
  allow(maxBytes: number): void {
    this.maxBytes = maxBytes;
  }

  /**
   * What is wrong with what came after the packets that were read. To be asked when those have been dealt with: after a CONNECT more
   * may be allowed, and a client need not wait for its answer before it sends on (MQTT 3.1.1, 3.1.4).
   */
  get fault(): string | undefined {
    return this.firstFault ?? (this.awaited > this.maxBytes ? this.tooLarge() : undefined);
  }

  /** Bytes of the packet that has begun and is not whole; 0: there is none, or its size is not known yet. */
  get awaited(): number {
    const { length } = this.parser.packet;
    return length === undefined || length < 0 ? 0 : length;
  }

  /** No packet has begun that is not whole. */
  isWhole = true;

  /** The packets that are whole with these bytes. Never throws. */
  push(bytes: Buffer): readonly Packet[] {
    if (this.fault !== undefined) return [];
    try {
      this.isWhole = this.parser.parse(bytes) === 0 && this.awaited === 0;
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    }
    const packets = this.read;
    this.read = [];
    return packets;
  }

  private fail(fault: string): void {
    this.firstFault ??= fault;
  }

  private tooLarge(): string {
    return `a packet has more than ${this.maxBytes} bytes`;
  }
}
