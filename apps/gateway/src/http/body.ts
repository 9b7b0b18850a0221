import { Body, type PipeTransform } from '@nestjs/common';
import { json, type Request, type RequestHandler } from 'express';
import { AppError, type FieldError, type Shape } from '@muster/contracts';
import { invalidFields } from '@muster/messaging';
import { pathOf } from './caller.js';

/** Every body but a firmware's. */
export const MAX_BODY_BYTES = 1_048_576;

const parse = json({
  limit: MAX_BODY_BYTES,
  // `PUT …/metadata/{key}` takes any JSON value.
  strict: false,
  type: ['application/json', 'application/merge-patch+json'],
});

/** Reads JSON bodies; says in our words what is wrong with one. */
export const readBody: RequestHandler = (request, response, next): void => {
  // A firmware is streamed by its route, never held here.
  if (request.method === 'POST' && pathOf(request) === '/api/v1/firmwares') {
    next();
    return;
  }
  if (hasBody(request) && request.is(['application/json', 'application/merge-patch+json']) === false) {
    next(new AppError('unsupported-media-type', 'The body must be JSON: content-type application/json.'));
    return;
  }
  parse(request, response, (error?: unknown) => {
    if (error !== undefined) next(faultOf(error));
    else if (isDeeper(request.body, MAX_DEPTH))
      next(new AppError('invalid-request', `The body must not be nested deeper than ${MAX_DEPTH} levels.`));
    else next();
  });
};

/** More than anything we take; what handles JSON by recursion ends with an error of its own at some thousands. */
const MAX_DEPTH = 100;

/** Level by level, for the same reason. */
const isDeeper = (value: unknown, levels: number): boolean => {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > levels) return true;
    level = level.flatMap((one): unknown[] =>
      typeof one === 'object' && one !== null
        ? Object.values(one).filter((inner) => typeof inner === 'object')
        : [],
    );
  }
  return false;
};

const hasBody = (request: Request): boolean =>
  request.get('transfer-encoding') !== undefined || Number(request.get('content-length') ?? 0) > 0;

/** By the `type` that body-parser documents for its errors. */
const faultOf = (error: unknown): AppError => {
  const type = typeof error === 'object' && error !== null && 'type' in error ? error.type : undefined;
  switch (type) {
    case 'entity.too.large':
      return new AppError('payload-too-large', `The body may have at most ${MAX_BODY_BYTES} bytes.`);
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return new AppError('unsupported-media-type', 'The encoding of the body is not supported: send UTF-8.');
    default:
      return new AppError('invalid-request', 'The body is not JSON.', { cause: error });
  }
};

export const refuse = (faults: readonly FieldError[], whole: string): void => {
  const [first] = faults;
  if (first === undefined) return;
  const name = first.path === '' ? whole : first.path;
  throw new AppError('invalid-request', `${name} ${first.message}`, { errors: faults });
};

/** The body, checked against the rules of the contract's class, with paths that start at the body. */
export const CheckedBody = (shape: Shape<object>): ParameterDecorator =>
  Body({
    transform: (body: unknown) => {
      refuse(invalidFields(shape, body, 'refuse'), 'The body');
      return body;
    },
  } satisfies PipeTransform);

/** The same, where no body stands for `{}`. */
export const OptionalBody = (shape: Shape<object>): ParameterDecorator =>
  Body({
    transform: (body: unknown = {}) => {
      refuse(invalidFields(shape, body, 'refuse'), 'The body');
      return body;
    },
  } satisfies PipeTransform);

/** A JSON object whose keys are the caller's own. */
export const ObjectBody = (): ParameterDecorator =>
  Body({
    transform: (body: unknown) => {
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
      if (body === undefined || body === null) {
        refuse(
          [{ path: '', message: 'must be a JSON value other than null; DELETE removes a key' }],
          'The body',
        );
      }
      return body;
    },
  } satisfies PipeTransform);
