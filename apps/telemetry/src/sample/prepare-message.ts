import { hash } from 'node:crypto';
import type { ErrorCode, ItemOutcome, JsonValue } from '@muster/contracts';
import { wrongSampleTime, type Sample, type TelemetryMessage } from '@muster/contracts/telemetry/requests';

/** A sample as it will lie in the table. */
export interface PreparedSample {
  /** Unix microseconds: the device's own, or the message's arrival. */
  readonly at: number;
  readonly ownTime: boolean;
  /** Of samples with the same time, the order in which they came: the message's arrival, and a microsecond for each before it in the message. */
  readonly receivedAt: number;
  /**
   * Together with the time what a sample is known by, as text of a bigint: 64 bits of the content's SHA-256. Without a time of
   * its own: its place in the message and 48 bits, so that the samples of a message, which share a time, stay in their order.
   */
  readonly hash: string;
  readonly json: string;
  readonly data: JsonValue;
}

export interface PreparedMessage {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly appVersion: string;
  readonly receivedAt: number;
  readonly redelivered: boolean;
  readonly duplicate: boolean;
  readonly samples: readonly PreparedSample[];
}

export type Refused = ItemOutcome & { readonly code: ErrorCode; readonly detail: string };

/** Ids of ours; others could not stand in a subject, or not even in a column of text. */
const ID_RULE = /^[A-Za-z0-9_-]{1,64}$/;

/** `\u0000` or half of a surrogate pair as JSON.stringify writes them, not a written-out backslash before a `u`. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;

/**
 * Checks what can make PostgreSQL refuse a row, so that one message's fault stays its own, and hashes the content. All
 * samples or none. `invalid-payload` and `sample-time-out-of-range` are final.
 */
export const prepareMessage = (message: TelemetryMessage, nowMicros: number): PreparedMessage | Refused => {
  for (const field of ['tenantId', 'deviceId', 'appVersion'] as const) {
    if (!ID_RULE.test(message[field]))
      return refuse('invalid-payload', `${field} must match ${ID_RULE.source}`);
  }
  const seen = new Map<number, number>();
  const samples: PreparedSample[] = [];
  for (const [index, sample] of message.samples.entries()) {
    const ownTime = sample.at !== null;
    const at = sample.at ?? message.receivedAt;
    const fault = wrongSampleTime(at, nowMicros);
    if (fault !== undefined) {
      // The doors have looked before, and say it of the field that the device has sent.
      return refuse(
        'sample-time-out-of-range',
        `${ownTime ? `the time of sample ${index}` : 'the arrival'} ${fault}`,
      );
    }
    const json = jsonOf(sample);
    if (json === undefined) {
      return refuse(
        'invalid-payload',
        `samples[${index}].data must not hold U+0000 or half of a surrogate pair, nor be nested without end`,
      );
    }
    const before = ownTime ? (seen.get(at) ?? 0) : 0;
    if (ownTime) seen.set(at, before + 1);
    samples.push({
      at,
      ownTime,
      receivedAt: message.receivedAt + before,
      hash: ownTime ? hashOf(json) : hashAt(index, json),
      json,
      data: sample.data,
    });
  }
  const { tenantId, deviceId, appVersion, receivedAt, redelivered, duplicate } = message;
  return { tenantId, deviceId, appVersion, receivedAt, redelivered, duplicate, samples };
};

const jsonOf = ({ data }: Sample): string | undefined => {
  let json: string;
  try {
    json = JSON.stringify(data);
  } catch {
    return undefined; // deeper than the stack: PostgreSQL would refuse it, too
  }
  return json.includes('\\u') && UNSTORABLE.test(json) ? undefined : json;
};

const hashOf = (content: string): string => hash('sha256', content, 'buffer').readBigInt64BE(0).toString();

/** Places that have a number of their own; no door takes so many samples in a message. */
const PLACES = 0x8000;

const hashAt = (place: number, content: string): string => {
  const digest = hash('sha256', place < PLACES ? content : `${content}#${place}`, 'buffer');
  digest.writeUInt16BE(Math.min(place, PLACES - 1), 0);
  return digest.readBigInt64BE(0).toString();
};

const refuse = (code: ErrorCode, detail: string): Refused => ({ code, detail });
