import { generate, type IConnackPacket, type Packet } from 'mqtt-packet';

export type Protocol = '3.1' | '3.1.1' | '5';

/** Why a client is not let in, of what only it can mend. */
export type ConnackRefusal =
  'bad-protocol' | 'bad-client-id' | 'bad-credentials' | 'not-authorised' | 'bad-method';

/** Return code of 3.1 and 3.1.1, reason code of 5. */
const CODES: Readonly<Record<ConnackRefusal, readonly [number, number]>> = {
  'bad-protocol': [0x01, 0x84],
  'bad-client-id': [0x02, 0x85],
  'bad-credentials': [0x04, 0x86],
  'not-authorised': [0x05, 0x87],
  // Only 5 can ask for one.
  'bad-method': [0x05, 0x8c],
};

const PUBACKS = [0x40, 0x50, 0x62, 0x70];

/** Bytes of what the front says itself, in the version that the client speaks. */
export class Wire {
  private readonly options: { readonly protocolVersion: number };
  readonly isFive: boolean;

  constructor(
    readonly protocol: Protocol,
    /** Larger packets the client does not take. */
    private readonly maxBytes = Infinity,
  ) {
    this.isFive = protocol === '5';
    this.options = { protocolVersion: this.isFive ? 5 : protocol === '3.1' ? 3 : 4 };
  }

  bytes(packet: Packet): Buffer {
    return generate(packet, this.options);
  }

  /** MQTT 5, 3.1.2.11.4: what is larger is not sent, as if it had been. */
  isTaken(bytes: Buffer): boolean {
    return bytes.length <= this.maxBytes;
  }

  connack(packet: Omit<IConnackPacket, 'cmd' | 'returnCode' | 'reasonCode'>): Buffer {
    return this.bytes({
      cmd: 'connack',
      ...(this.isFive ? { reasonCode: 0 } : { returnCode: 0 }),
      ...packet,
    });
  }

  refuse(refusal: ConnackRefusal): Buffer {
    const [returnCode, reasonCode] = CODES[refusal];
    return this.bytes({
      cmd: 'connack',
      sessionPresent: false,
      ...(this.isFive ? { reasonCode } : { returnCode }),
    });
  }

  puback(messageId: number): Buffer {
    return acknowledgement(0, messageId);
  }

  pubrec(messageId: number): Buffer {
    return acknowledgement(1, messageId);
  }

  pubcomp(messageId: number): Buffer {
    return acknowledgement(3, messageId);
  }

  publish(topic: string, payload: string): Buffer {
    return this.bytes({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false });
  }

  suback(messageId: number, granted: readonly number[]): Buffer {
    return this.bytes({ cmd: 'suback', messageId, granted: [...granted] });
  }

  unsuback(messageId: number, count: number): Buffer {
    return this.bytes({ cmd: 'unsuback', messageId, granted: Array.from({ length: count }, () => 0) });
  }

  pingresp(): Buffer {
    return PINGRESP;
  }

  /** Only 5 has words for it; the others see the end of the connection. */
  disconnect(reasonCode: number): Buffer | undefined {
    return this.isFive ? this.bytes({ cmd: 'disconnect', reasonCode }) : undefined;
  }
}

const PINGRESP = Buffer.from([0xd0, 0x00]);

/** The same four bytes in every version: in 5, a reason code that is not there is success. */
const acknowledgement = (kind: number, messageId: number): Buffer =>
  Buffer.from([PUBACKS[kind] ?? 0, 0x02, messageId >> 8, messageId & 0xff]);

/** Of a filter that is not granted. */
export const SUBACK_REFUSED = 0x80;
