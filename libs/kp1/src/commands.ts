import type { Json } from '@muster/json';
import { cutReason, isEmpty, parseJson, shape, withoutNulls } from './payload.js';

/** RFC 12 carries the id as int32, arduino's client as unsigned. */
const MAX_ID = 2 ** 31 - 1;

export interface CommandRequest {
  /** Absent: as before. */
  readonly observe?: boolean;
}

export interface ReportedResult {
  readonly id: number;
  /** 2xx: executed, anything else: failed. */
  readonly statusCode: number;
  readonly reasonPhrase?: string;
  /** Any JSON value, null included; absent: none. */
  readonly payload?: Json;
}

/** As a device gets it. */
export interface SentCommand {
  readonly type: string;
  readonly id: number;
  /** Any JSON value; absent: the command has none. */
  readonly payload?: Json;
}

const asRequest = shape<{ observe?: boolean | null }>({
  type: 'object',
  properties: { observe: { type: 'boolean', nullable: true } },
  additionalProperties: false,
});

// Other fields are let through: node's example spreads the command it got into its result.
const asResult = shape<{ id: number; statusCode: number; reasonPhrase?: string }>({
  type: 'object',
  properties: {
    id: { type: 'integer', maximum: MAX_ID },
    statusCode: { type: 'number', exclusiveMaximum: 1000 },
    reasonPhrase: { type: 'string', nullable: true },
  },
  required: ['id', 'statusCode'],
});

/** 11/CEP, command request. No payload is the same as `{}`. Throws `PayloadError`. */
export const decodeCommandRequest = (payload: Uint8Array): CommandRequest => {
  if (isEmpty(payload)) return {};
  const { observe } = asRequest(parseJson(payload));
  return typeof observe === 'boolean' ? { observe } : {};
};

/**
 * 11/CEP, result: an array, which may be empty (python and node answer an empty list so), or a single object, as the RFC's
 * schema file has it. Throws `PayloadError`; the message is one unit.
 */
export const decodeCommandResults = (payload: Uint8Array): readonly ReportedResult[] => {
  const value = parseJson(payload);
  return (Array.isArray(value) ? value : [value]).map((item) => {
    const { id, statusCode, reasonPhrase } = asResult(withoutNulls(item));
    // Null is a payload like any other, so it is read from the item itself.
    const result =
      typeof item === 'object' && item !== null && !Array.isArray(item) ? item['payload'] : undefined;
    return {
      id,
      // What counts is the class, as in the answer to a document.
      statusCode: Math.floor(statusCode),
      ...(reasonPhrase === undefined ? {} : { reasonPhrase: cutReason(reasonPhrase) }),
      ...(result === undefined ? {} : { payload: result }),
    };
  });
};

/**
 * 11/CEP, outstanding commands: always an array, also when there are none, which node's client maps over without looking.
 * On a topic of one type nothing but `id` and `payload`: what else is there comes back in node's results.
 */
export const encodeCommands = (commands: readonly SentCommand[], withType: boolean): string =>
  JSON.stringify(
    commands.map(({ type, id, payload }) => ({
      ...(withType ? { type } : {}),
      id,
      ...(payload === undefined ? {} : { payload }),
    })),
  );
