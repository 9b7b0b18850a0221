import { Body, type PipeTransform } from '@nestjs/common';
import { raw, type Request, type RequestHandler } from 'express';
import { AppError, type FieldError, type Shape } from '@muster/contracts';
import { JsonFault, readJson, type Json } from '@muster/json';
import { invalidFields, withoutNulls } from '@muster/messaging';
import { callerIn, pathOf } from './caller.js';

/** Every body but a firmware's. */
export const MAX_BODY_BYTES = 1_048_576;

/** Levels of a JSON body: more than anything we take; what handles JSON by recursion ends with an error of its own at some thousands. */
const MAX_DEPTH = 100;

/** Bodies that are files. */
const STREAMED = ['/api/v1/firmwares', '/api/v1/devices/import'];

const TYPES = ['application/json', 'application/merge-patch+json'];
const readBytes = raw({ limit: MAX_BODY_BYTES, type: TYPES });

/** Of who is not known yet: room for a key. */
const MAX_STRANGERS_BODY_BYTES = 4_096;
const readStrangersBytes = raw({ limit: MAX_STRANGERS_BODY_BYTES, type: TYPES });

/**
 * Reads JSON bodies by the rules of `readJson`; says in our words what is wrong with one. No body is undefined. One that is not
 * here whole within `timeoutMs` is given up: whoever holds a key must not hold memory for ever.
 */
export const readBody =
  (timeoutMs: number): RequestHandler =>
  (request, response, next): void => {
    // Streamed by its route, never held here.
    if (request.method === 'POST' && STREAMED.includes(pathOf(request))) {
      next();
      return;
    }
    if (hasBody(request) && request.is(TYPES) === false) {
      next(new AppError('unsupported-media-type', 'The body must be JSON: content-type application/json.'));
      return;
    }
    try {
      refuseOtherCharsets(request);
    } catch (fault) {
      next(fault);
      return;
    }
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      response.setHeader('connection', 'close');
      next(new AppError('invalid-request', `The body did not arrive within ${timeoutMs} ms.`));
    }, timeoutMs);
    const isStranger = callerIn(response) === undefined;
    const read = isStranger ? readStrangersBytes : readBytes;
    read(request, response, (error?: unknown) => {
      clearTimeout(timer);
      if (isLate) return;
      try {
        if (error !== undefined) throw faultOf(error, isStranger ? MAX_STRANGERS_BODY_BYTES : MAX_BODY_BYTES);
        const bytes: unknown = request.body;
        request.body = Buffer.isBuffer(bytes) && bytes.length > 0 ? parsed(bytes) : undefined;
        next();
      } catch (fault) {
        next(fault);
      }
    });
  };

/** Throws `unsupported-media-type` where the content type says that the text is not UTF-8. */
export const refuseOtherCharsets = (request: Request): void => {
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(request.get('content-type') ?? '')?.[1];
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw new AppError('unsupported-media-type', ENCODING);
  }
};

const ENCODING = 'The encoding of the body is not supported: send UTF-8.';

const parsed = (bytes: Buffer): Json => {
  try {
    return readJson(bytes, MAX_DEPTH);
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    const { path, rule: message } = error;
    throw new AppError('invalid-request', `${path === '' ? 'The body' : path} ${message}.`, {
      cause: error,
      errors: [{ path, message }],
    });
  }
};

const hasBody = (request: Request): boolean =>
  request.get('transfer-encoding') !== undefined || Number(request.get('content-length') ?? 0) > 0;

/** By the `type` that body-parser documents for its errors. */
const faultOf = (error: unknown, maxBytes: number): AppError => {
  const type = typeof error === 'object' && error !== null && 'type' in error ? error.type : undefined;
  switch (type) {
    case 'entity.too.large':
      return new AppError('payload-too-large', `The body may have at most ${maxBytes} bytes.`);
    case 'encoding.unsupported':
      return new AppError('unsupported-media-type', ENCODING);
    default:
      return new AppError('invalid-request', 'The body cannot be read.', { cause: error });
  }
};

export const refuse = (faults: readonly FieldError[], whole: string): void => {
  const [first] = faults;
  if (first === undefined) return;
  const name = first.path === '' ? whole : first.path;
  throw new AppError('invalid-request', `${name} ${first.message}`, { errors: faults });
};

/** A content type without a body is no `{}`. */
const refuseNone = (body: unknown): void => {
  if (body === undefined) refuse([{ path: '', message: 'is missing: send JSON' }], 'The body');
};

/** The body, checked against the rules of the contract's class, with paths that start at the body. */
export const CheckedBody = (shape: Shape<object>): ParameterDecorator =>
  Body({
    transform: (body: unknown) => {
      refuseNone(body);
      refuse(invalidFields(shape, body, 'refuse'), 'The body');
      return withoutNulls(shape, body);
    },
  } satisfies PipeTransform);

/** The same, where no body stands for `{}`. */
export const OptionalBody = (shape: Shape<object>): ParameterDecorator =>
  Body({
    transform: (body: unknown = {}) => {
      refuse(invalidFields(shape, body, 'refuse'), 'The body');
      return withoutNulls(shape, body);
    },
  } satisfies PipeTransform);

/** A JSON object whose keys are the caller's own. */
export const ObjectBody = (): ParameterDecorator =>
  Body({
    transform: (body: unknown) => {
      refuseNone(body);
      if (typeof body !== 'object' || body === null || Array.isArray(body)) {
        refuse([{ path: '', message: 'must be a JSON object' }], 'The body');
      }
      return body;
    },
  } satisfies PipeTransform);

/** Any JSON value but null, which in a merge patch would remove what it should set. */
export const ValueBody = (): ParameterDecorator =>
  Body({
    transform: (body: unknown) => {
      refuseNone(body);
      if (body === null) {
        refuse(
          [{ path: '', message: 'must be a JSON value other than null; DELETE removes a key' }],
          'The body',
        );
      }
      return body;
    },
  } satisfies PipeTransform);
