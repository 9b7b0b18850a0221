import { parser, type Packet, type Parser } from 'mqtt-packet';

/** The codec keeps the packet that it is in the middle of, and how far it has read in it, where it can be seen, though its types do not say so. */
type OpenParser = Parser & { readonly packet: { readonly length?: number }; readonly _pos: number };

/** So much is given to the codec at once: what comes out of it before anybody can say "wait" is bounded by that. */
export const SLICE_BYTES = 8_192;

/**
 * What the codec lets through and nothing may be made of. Where a packet ends before what it must hold, it takes -1, `null` or
 * `false` for that, or reads on in what came after the packet. Such a PUBLISH, written again, would announce more than it has: the
 * broker would take what the client sends next for the rest of it, and what comes in that for packets that nobody has judged.
 */
const faultOf = (packet: Packet, readTo: number): string | undefined => {
  const { cmd, length = 0, messageId } = packet;
  // What the answer names it by (MQTT 3.1.1, [MQTT-2.3.1-1]; MQTT 5, [MQTT-2.2.1-3]).
  if (messageId === 0) return `a ${cmd} whose packet identifier is 0`;
  if (readTo > length || messageId === -1) return `a ${cmd} that ends before what it must hold`;
  if (cmd === 'connect') {
    // Of two bits, one value is none (MQTT 3.1.1, 3.1.2.6).
    if (Number(packet.will?.qos) > 2) return 'a will of QoS 3';
    if (hasFault(packet.will?.properties))
      return 'a will with a property that is not whole, has no such value, or is there twice';
  }
  if ('properties' in packet && hasFault(packet.properties)) {
    return `a ${cmd} with a property that is not whole, has no such value, or is there twice`;
  }
  return undefined;
};

/** MQTT 5, 2.2.2.2. The codec makes an array of what is there twice. */
const hasFault = (properties: object = {}): boolean =>
  Object.entries(properties).some(([name, value]: [string, unknown]) => {
    if (name === 'userProperties') return false;
    // The broker names all that a message has come by.
    if (name === 'subscriptionIdentifier') return ![value].flat().every((one) => Number(one) > 0);
    // Of which the client could be sent nothing (3.1.2.11.3, 3.1.2.11.4).
    if (value === 0 && (name === 'receiveMaximum' || name === 'maximumPacketSize')) return true;
    return value === null || value === -1 || Array.isArray(value);
  });

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
      if (packet.cmd === 'connect') this.hasConnect = true;
      const fault = faultOf(packet, this.parser._pos);
      if (fault !== undefined) this.fail(fault);
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
