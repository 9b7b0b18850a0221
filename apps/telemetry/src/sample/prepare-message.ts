import { hash } from 'node:crypto';
import type { ErrorCode, ItemOutcome, JsonValue } from '@muster/contracts';
import type { Sample, TelemetryMessage } from '@muster/contracts/telemetry/requests';
import { DAY_MICROS, EARLIEST, isoMillis } from './time.js';

/** A sample as it will lie in the table. */
export interface PreparedSample {
  /** Unix microseconds: the device's own, or the message's arrival. */
  readonly at: number;
  readonly ownTime: boolean;
  /** 64 bits of the content's SHA-256, as text of a bigint. */
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
  const latest = nowMicros + DAY_MICROS;
  const seen = new Map<string, number>();
  const samples: PreparedSample[] = [];
  for (const [index, sample] of message.samples.entries()) {
    const ownTime = sample.at !== null;
    const at = sample.at ?? message.receivedAt;
    if (at < EARLIEST || at > latest) {
      const path = ownTime ? `samples[${index}].at` : 'receivedAt';
      return refuse(
        'sample-time-out-of-range',
        `${path} must be a time from ${isoMillis(EARLIEST)} to ${isoMillis(latest)}`,
      );
    }
    const json = jsonOf(sample);
    if (json === undefined) {
      return refuse(
        'invalid-payload',
        `samples[${index}].data must not hold U+0000 or half of a surrogate pair, nor be nested without end`,
      );
    }
    // Equal readings without a time in one message get different hashes: they share the time and would be taken for one.
    const before = ownTime ? 0 : (seen.get(json) ?? 0);
    if (!ownTime) seen.set(json, before + 1);
    samples.push({
      at,
      ownTime,
      hash: hashOf(before === 0 ? json : `${json}#${before}`),
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

const refuse = (code: ErrorCode, detail: string): Refused => ({ code, detail });
