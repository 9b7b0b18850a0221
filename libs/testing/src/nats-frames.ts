/** One operation of the NATS client protocol, with its payload, as it came over the wire. */
export interface Frame {
  /** `PUB`, `HMSG`, `PING` … in capitals. */
  readonly verb: string;
  /** What follows the verb on its line. */
  readonly fields: readonly string[];
  readonly bytes: Buffer;
}

const WITH_PAYLOAD: ReadonlySet<string> = new Set(['PUB', 'HPUB', 'MSG', 'HMSG']);
const LINE_END = '\r\n';

/** Cuts one direction of a connection into frames; keeps what is not whole yet. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0);

  read(chunk: Buffer): Frame[] {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const frames: Frame[] = [];
    let from = 0;
    for (;;) {
      const frame = frameAt(this.rest, from);
      if (frame === undefined) break;
      frames.push(frame);
      from += frame.bytes.length;
    }
    this.rest = this.rest.subarray(from);
    return frames;
  }
}

const frameAt = (buffer: Buffer, from: number): Frame | undefined => {
  const lineEnd = buffer.indexOf(LINE_END, from);
  if (lineEnd < 0) return undefined;
  const [verb = '', ...fields] = buffer.toString('utf8', from, lineEnd).split(/[ \t]+/);
  const name = verb.toUpperCase();
  // The last number of the line is the size of all that follows it, headers included.
  const payload = WITH_PAYLOAD.has(name) ? Number(fields.at(-1)) + LINE_END.length : 0;
  const end = lineEnd + LINE_END.length + payload;
  return end > buffer.length ? undefined : { verb: name, fields, bytes: buffer.subarray(from, end) };
};

/** Where a published message goes, and where its answer is wanted. */
export const publishOf = ({
  verb,
  fields,
}: Frame): { readonly subject: string; readonly reply: string | undefined } | undefined => {
  const sizes = verb === 'PUB' ? 1 : verb === 'HPUB' ? 2 : undefined;
  const [subject, reply] = fields;
  if (sizes === undefined || subject === undefined) return undefined;
  return { subject, reply: fields.length > sizes + 1 ? reply : undefined };
};

/** The `reply` of a delivered message, which for those of JetStream is where to acknowledge it. */
export const replyOfDelivery = ({ verb, fields }: Frame): string | undefined => {
  const sizes = verb === 'MSG' ? 1 : verb === 'HMSG' ? 2 : undefined;
  return sizes !== undefined && fields.length > sizes + 2 ? fields[2] : undefined;
};
