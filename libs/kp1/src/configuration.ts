import type { JsonObject } from '@muster/json';
import { cutReason, isEmpty, parseJson, shape, withoutNulls } from './payload.js';

/** As long as the platform's own ids are with room to spare; a device echoes what it was given. */
const MAX_CONFIG_ID = 128;

export interface ConfigurationRequest {
  /** The document the device has applied. */
  readonly configId?: string;
  /** Absent: as before. */
  readonly observe?: boolean;
}

export interface AppliedConfiguration {
  readonly configId: string;
  /** 2xx: applied, anything else: refused. */
  readonly statusCode: number;
  readonly reasonPhrase?: string;
}

const asRequest = shape<{ configId?: string | null; observe?: boolean | null }>({
  type: 'object',
  properties: {
    configId: { type: 'string', maxLength: MAX_CONFIG_ID, nullable: true },
    observe: { type: 'boolean', nullable: true },
  },
  additionalProperties: false,
});

const asApplied = shape<{
  configId: string;
  statusCode?: number | null;
  reasonPhrase?: string | null;
}>({
  type: 'object',
  properties: {
    configId: { type: 'string', maxLength: MAX_CONFIG_ID },
    statusCode: { type: 'number', minimum: 0, exclusiveMaximum: 1000, nullable: true },
    reasonPhrase: { type: 'string', nullable: true },
  },
  required: ['configId'],
  additionalProperties: false,
});

/** 7/CMP, configuration request, of cmx and cmx_ota. No payload is the same as `{}`; null is the same as absent. Throws `PayloadError`. */
export const decodeConfigurationRequest = (payload: Uint8Array): ConfigurationRequest => {
  if (isEmpty(payload)) return {};
  const value = asRequest(parseJson(payload));
  return {
    ...(typeof value.configId === 'string' ? { configId: value.configId } : {}),
    ...(typeof value.observe === 'boolean' ? { observe: value.observe } : {}),
  };
};

/** 7/CMP, applied configuration, of cmx and cmx_ota. Python's client sends `"statusCode": null, "reasonPhrase": null`. Throws `PayloadError`. */
export const decodeAppliedConfiguration = (payload: Uint8Array): AppliedConfiguration => {
  const value = asApplied(withoutNulls(parseJson(payload)));
  return {
    configId: value.configId,
    // The protocol's schema says number: what counts is the class.
    statusCode: Math.floor(value.statusCode ?? 200),
    ...(typeof value.reasonPhrase === 'string' ? { reasonPhrase: cutReason(value.reasonPhrase) } : {}),
  };
};

export interface ConfigurationDocument {
  /** The device named the current document. */
  readonly unchanged: boolean;
  /** "" when nothing is configured. */
  readonly configId: string;
  readonly config: JsonObject | null;
}

/**
 * A superset that every surveyed client reads: RFC 7's pair `configId`, `config`, and the older RFC 5's `id`,
 * `statusCode`, `reasonPhrase`. Unchanged is 304 without the pair. Only for answers: an unsolicited `config: null` kills
 * the network thread of Kaa's python client, so a push needs a document.
 */
export const encodeConfigurationReply = (document: ConfigurationDocument, requestId?: string): string => {
  const body = JSON.stringify(
    document.unchanged
      ? { statusCode: 304, reasonPhrase: 'Not changed' }
      : { configId: document.configId, statusCode: 200, reasonPhrase: 'ok', config: document.config },
  );
  // As text: a double would round an id of more than fifteen digits.
  return requestId === undefined ? body : `{"id":${BigInt(requestId)},${body.slice(1)}`;
};

/** The whole document, unasked for. */
export const encodeConfigurationPush = (document: { configId: string; config: JsonObject }): string =>
  encodeConfigurationReply({ unchanged: false, ...document });
