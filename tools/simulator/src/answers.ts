import type { Json, JsonObject } from '@muster/kp1';

/** The platform said something that 1/KP and its extensions do not allow. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}

const parse = (payload: Uint8Array, what: string): unknown => {
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8')) as unknown;
  } catch {
    throw new ProtocolViolation(`${what} is not JSON`);
  }
};

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** 1/KP: a write is answered with zero bytes. */
export const readEmpty = (payload: Uint8Array, what: string): void => {
  if (payload.length > 0) throw new ProtocolViolation(`${what} is not empty`);
};

export interface ErrorAnswer {
  readonly statusCode: number;
  readonly reasonPhrase: string;
}

/** 1/KP: exactly `statusCode` and `reasonPhrase`. */
export const readError = (payload: Uint8Array): ErrorAnswer => {
  const value = parse(payload, 'an error');
  const { statusCode, reasonPhrase, ...others } = isObject(value) ? value : {};
  if (!Number.isInteger(statusCode) || typeof reasonPhrase !== 'string' || Object.keys(others).length > 0) {
    throw new ProtocolViolation('an error is not exactly {statusCode, reasonPhrase}');
  }
  return { statusCode: Number(statusCode), reasonPhrase };
};

export interface OfferedDocument {
  readonly configId: string;
  readonly config: JsonObject;
}

/** 7/CMP, for `cmx` and `cmx_ota`. undefined: nothing new (304, RFC 7's `{}`, or nothing configured). */
export const readDocument = (payload: Uint8Array, what: string): OfferedDocument | undefined => {
  const value = parse(payload, what);
  if (!isObject(value)) throw new ProtocolViolation(`${what} is no object`);
  const { configId, config, statusCode } = value;
  if (statusCode === 304 || (configId === undefined && config === undefined)) {
    if (configId !== undefined || config !== undefined) {
      throw new ProtocolViolation(`${what} is unchanged, but has a document`);
    }
    return undefined;
  }
  if (typeof configId !== 'string' || config === undefined) {
    throw new ProtocolViolation(`${what} has not both configId and config`);
  }
  if (config === null) return undefined;
  if (!isObject(config)) throw new ProtocolViolation(`the config of ${what} is no object`);
  return { configId, config };
};

export interface OfferedCommand {
  readonly id: number;
  readonly payload?: Json;
}

/** 11/CEP: an array, empty when nothing is outstanding. */
export const readCommands = (payload: Uint8Array): readonly OfferedCommand[] => {
  const value = parse(payload, 'the list of commands');
  if (!Array.isArray(value)) throw new ProtocolViolation('the list of commands is no array');
  return (value as unknown[]).map((item) => {
    const { id, payload: content } = isObject(item) ? item : {};
    // Kaa's python client drops the id 0.
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 1 || id > 2 ** 31 - 1) {
      throw new ProtocolViolation('the id of a command is not 1 to 2^31-1');
    }
    return content === undefined ? { id } : { id, payload: content };
  });
};
