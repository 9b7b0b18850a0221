import { applyDecorators, HttpCode } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOperation, ApiQuery, ApiResponse } from '@nestjs/swagger';
import {
  ChangeRequest,
  CreateRequest,
  Done,
  errorCatalogue,
  JSON_VALUE,
  type ErrorCode,
  type RequestContract,
  type Shape,
} from '@muster/contracts';
import { schemasOf } from '@muster/contracts/schema/json-schema';
import { setAnswerRules, type AnswerRules } from '../http/answer-rules.js';
import { queryFields } from '../http/query.js';

export interface OperationOptions extends Partial<AnswerRules> {
  readonly summary: string;
  /** What is asked of the services; the errors come from here, the answer from the last. */
  readonly asks: readonly RequestContract<object, object>[];
  /** A class of the contracts, or an object with keys of the caller's own, or any value. */
  readonly body?: Shape<object> | 'object' | 'value';
  /** No body stands for `{}`. */
  readonly optionalBody?: true;
  readonly query?: Shape<object>;
  /** Status → when it comes instead; `answer` where it is another one. The handler sets the status. */
  readonly also?: Readonly<Record<number, { readonly description: string; readonly answer?: Shape<object> }>>;
  /** Where no service is asked, or its answer is not the caller's: as for `body`. */
  readonly answer?: Shape<object> | 'object' | 'value';
  /** The handler sets an `ETag` by itself. */
  readonly etag?: true;
  /** What the gateway itself may answer with. */
  readonly errors?: readonly ErrorCode[];
}

const GATEWAY_ERRORS: readonly ErrorCode[] = [
  'invalid-request',
  'unauthenticated',
  'session-ended',
  'not-allowed',
  'too-many-requests',
  'internal',
  'unavailable',
  'deadline-exceeded',
];
const BODY_ERRORS: readonly ErrorCode[] = ['payload-too-large', 'unsupported-media-type'];

/** One REST operation: how it answers, and its part of the OpenAPI document, from the contracts it asks. */
export const Operation = (options: OperationOptions): MethodDecorator => {
  const { summary, asks, body, query, status = 200, secret, location } = options;
  const answer = options.answer ?? asks.at(-1)?.reply;
  const rules: AnswerRules = {
    ...{ status, secret, location },
    takesQuery: query !== undefined,
    takesBody: body !== undefined,
  };
  const creates = asks.some(({ request }) => request.prototype instanceof CreateRequest);
  const edits = asks.some(
    ({ request, errors }) =>
      request.prototype instanceof ChangeRequest && errors.includes('version-mismatch'),
  );
  const codes = new Set([
    ...GATEWAY_ERRORS,
    ...(body === undefined ? [] : BODY_ERRORS),
    ...asks.flatMap(({ errors }) => errors),
    ...(options.errors ?? []),
  ]);
  const isEmpty = status === 204 || answer === undefined || answer === Done;
  const success = isEmpty ? {} : { schema: schemaOf(answer) };
  const headers = successHeaders(rules, options.etag ?? hasVersion(isEmpty ? undefined : answer));
  return applyDecorators(
    (_target: object, _key: string | symbol, descriptor: PropertyDescriptor) =>
      setAnswerRules(descriptor.value as object, rules),
    HttpCode(status),
    ApiOperation({ summary }),
    ...(body === undefined
      ? []
      : [ApiBody({ schema: schemaOf(body), required: options.optionalBody !== true })]),
    ...Object.entries(query === undefined ? {} : queryFields(query)).map(
      ([name, { description, ...schema }]) =>
        ApiQuery({
          name,
          required: false,
          ...(typeof description === 'string' ? { description } : {}),
          schema: schema as object, // JSON Schema, which OpenAPI 3.1 takes as it is
          ...(schema.type === 'array' ? { style: 'form' as const, explode: false } : {}),
        }),
    ),
    ...(creates
      ? [
          ApiHeader({
            name: 'Idempotency-Key',
            required: false,
            schema: { type: 'string', maxLength: 255 },
            description: 'The same key with the same body gets the first answer again, for 24 hours.',
          }),
        ]
      : []),
    ...(edits
      ? [
          ApiHeader({
            name: 'If-Match',
            required: false,
            schema: { type: 'string' },
            description: 'ETag of the version that was read.',
          }),
        ]
      : []),
    ApiResponse({ status, description: SUCCESS[status], headers, ...success }),
    ...Object.entries(options.also ?? {}).map(([other, { description, answer: another }]) =>
      ApiResponse({
        status: Number(other),
        description,
        ...(another === undefined ? { headers, ...success } : { schema: schemaOf(another) }),
      }),
    ),
    ...[...byStatus(codes)].map(([errorStatus, errors]) =>
      ApiResponse({
        status: errorStatus,
        description: errors.map((code) => `\`${code}\`: ${errorCatalogue[code].title}`).join('; '),
        headers: ERROR_HEADERS[errorStatus] ?? {},
        content: { 'application/problem+json': { schema: problemOf(errors) } },
      }),
    ),
  );
};

const SUCCESS: Readonly<Record<AnswerRules['status'], string>> = {
  200: 'OK',
  201: 'Created.',
  202: 'Accepted: a job does it.',
  204: 'Done.',
};

interface Header {
  readonly description: string;
  readonly schema: { readonly type: 'string' | 'integer' };
}

const RETRY_AFTER: Header = {
  description: 'Seconds after which it is worth another try.',
  schema: { type: 'integer' },
};

const ERROR_HEADERS: Readonly<Record<number, Readonly<Record<string, Header>>>> = {
  401: { 'WWW-Authenticate': { description: 'What would be accepted.', schema: { type: 'string' } } },
  429: { 'Retry-After': RETRY_AFTER },
  503: { 'Retry-After': RETRY_AFTER },
};

/** As `AnswerInterceptor` sets them. */
const successHeaders = ({ location }: AnswerRules, etag: boolean): Readonly<Record<string, Header>> => ({
  ...(etag
    ? {
        ETag: {
          description: 'The version of what was answered, for `If-Match`.',
          schema: { type: 'string' as const },
        },
      }
    : {}),
  ...(location === undefined
    ? {}
    : { Location: { description: 'Where to read what was made.', schema: { type: 'string' as const } } }),
});

const hasVersion = (answer: OperationOptions['answer']): boolean => {
  if (answer === undefined || typeof answer === 'string') return false;
  const { properties = {} } = schemasOf([answer], '')[answer.name] ?? {};
  return (properties['revision'] ?? properties['version'])?.type === 'integer';
};

/** A problem of one of these codes, so that a client can tell them apart by its types. */
const problemOf = (codes: readonly ErrorCode[]): object => ({
  allOf: [
    { $ref: '#/components/schemas/Problem' },
    { type: 'object', properties: { code: { type: 'string', enum: codes } }, required: ['code'] },
  ],
});

const schemaOf = (body: Shape<object> | 'object' | 'value'): object => {
  if (body === 'value') return refTo(JSON_VALUE);
  return body === 'object' ? { type: 'object', additionalProperties: refTo(JSON_VALUE) } : refTo(body);
};

const documented = new Set<Shape<object>>();

/** Classes the document must define. */
export const documentedShapes = (): readonly Shape<object>[] => [...documented];

const refTo = (shape: Shape<object> | typeof JSON_VALUE): { $ref: string } => {
  if (typeof shape === 'string') return { $ref: `#/components/schemas/${shape}` };
  documented.add(shape);
  return { $ref: `#/components/schemas/${shape.name}` };
};

const byStatus = (codes: ReadonlySet<ErrorCode>): ReadonlyMap<number, ErrorCode[]> => {
  const result = new Map<number, ErrorCode[]>();
  for (const code of [...codes].sort()) {
    const { status } = errorCatalogue[code];
    result.set(status, [...(result.get(status) ?? []), code]);
  }
  return result;
};
