import { applyDecorators, HttpCode } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOperation, ApiQuery, ApiResponse } from '@nestjs/swagger';
import {
  ChangeRequest,
  CreateRequest,
  Done,
  errorCatalogue,
  type ErrorCode,
  type RequestContract,
  type Shape,
} from '@muster/contracts';
import { setAnswerRules, type AnswerRules } from '../http/answer-rules.js';
import { queryFields } from '../http/query.js';

export interface OperationOptions extends Partial<AnswerRules> {
  readonly summary: string;
  /** What is asked of the services; the errors come from here, the answer from the last. */
  readonly asks: readonly RequestContract<object, object>[];
  /** A class of the contracts, or an object with keys of the caller's own, or any value. */
  readonly body?: Shape<object> | 'object' | 'value';
  readonly query?: Shape<object>;
  /** Status → when it comes instead, with the same answer. The handler sets it. */
  readonly also?: Readonly<Record<number, string>>;
  /** Where no service is asked. */
  readonly answer?: Shape<object>;
}

const GATEWAY_ERRORS: readonly ErrorCode[] = [
  'invalid-request',
  'unauthenticated',
  'internal',
  'unavailable',
  'deadline-exceeded',
];
const BODY_ERRORS: readonly ErrorCode[] = ['payload-too-large', 'unsupported-media-type'];

/** One REST operation: how it answers, and its part of the OpenAPI document, from the contracts it asks. */
export const Operation = (options: OperationOptions): MethodDecorator => {
  const { summary, asks, body, query, status = 200, secret, location } = options;
  const answer = options.answer ?? asks.at(-1)?.reply;
  const rules: AnswerRules = { status, secret, location, takesQuery: query !== undefined };
  const creates = asks.some(({ request }) => request.prototype instanceof CreateRequest);
  const edits = asks.some(
    ({ request, errors }) =>
      request.prototype instanceof ChangeRequest && errors.includes('version-mismatch'),
  );
  const codes = new Set([
    ...GATEWAY_ERRORS,
    ...(body === undefined ? [] : BODY_ERRORS),
    ...asks.flatMap(({ errors }) => errors),
  ]);
  return applyDecorators(
    (_target: object, _key: string | symbol, descriptor: PropertyDescriptor) =>
      setAnswerRules(descriptor.value as object, rules),
    HttpCode(status),
    ApiOperation({ summary }),
    ...(body === undefined ? [] : [ApiBody({ schema: bodySchema(body), required: true })]),
    ...Object.entries(query === undefined ? {} : queryFields(query)).map(([name, schema]) =>
      ApiQuery({
        name,
        required: false,
        schema: { ...schema } as object, // JSON Schema, which OpenAPI 3.1 takes as it is
        ...(schema.type === 'array' ? { style: 'form' as const, explode: false } : {}),
      }),
    ),
    ...(creates
      ? [ApiHeader({ name: 'Idempotency-Key', required: false, schema: { type: 'string', maxLength: 255 } })]
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
    ApiResponse({
      status,
      description: status === 204 ? 'Done.' : 'OK',
      ...(status === 204 || answer === undefined || answer === Done ? {} : { schema: refTo(answer) }),
    }),
    ...Object.entries(options.also ?? {}).map(([other, description]) =>
      ApiResponse({
        status: Number(other),
        description,
        ...(answer === undefined ? {} : { schema: refTo(answer) }),
      }),
    ),
    ...[...byStatus(codes)].map(([errorStatus, texts]) =>
      ApiResponse({
        status: errorStatus,
        description: texts.join('; '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      }),
    ),
  );
};

const bodySchema = (body: Shape<object> | 'object' | 'value'): object =>
  body === 'object' ? { type: 'object', additionalProperties: true } : body === 'value' ? {} : refTo(body);

const documented = new Set<Shape<object>>();

/** Classes the document must define. */
export const documentedShapes = (): readonly Shape<object>[] => [...documented];

const refTo = (shape: Shape<object>): { $ref: string } => {
  documented.add(shape);
  return { $ref: `#/components/schemas/${shape.name}` };
};

const byStatus = (codes: ReadonlySet<ErrorCode>): ReadonlyMap<number, string[]> => {
  const result = new Map<number, string[]>();
  for (const code of [...codes].sort()) {
    const { status, title } = errorCatalogue[code];
    result.set(status, [...(result.get(status) ?? []), `\`${code}\`: ${title}`]);
  }
  return result;
};
