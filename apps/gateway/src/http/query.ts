import { Param, Query, type PipeTransform } from '@nestjs/common';
import type { FieldError, Shape } from '@muster/contracts';
import { schemasOf, type JsonSchema } from '@muster/contracts/schema/json-schema';
import { invalidFields } from '@muster/messaging';
import { refuse } from './body.js';

/**
 * The query, checked against `shape`. Text becomes what the rules ask for: numbers, `true`/`false`, and lists with
 * commas between. Unknown and repeated parameters are refused.
 */
export const CheckedQuery = (shape: Shape<object>): ParameterDecorator => {
  const fields = queryFields(shape);
  return Query({
    transform: (query: Record<string, unknown>) => parsed(shape, fields, query),
  } satisfies PipeTransform);
};

/** A number in the path. What is none stays text, and the rule of the contract says what is expected. */
export const PathNumber = (name: string): ParameterDecorator =>
  Param(name, {
    transform: (value: unknown) => typed({ type: 'integer' }, value),
  } satisfies PipeTransform);

/** Parameter → its JSON Schema; for the OpenAPI document too. */
export const queryFields = (shape: Shape<object>): Readonly<Record<string, JsonSchema>> =>
  schemasOf([shape], '')[shape.name]?.properties ?? {};

const parsed = (
  shape: Shape<object>,
  fields: Readonly<Record<string, JsonSchema>>,
  query: Record<string, unknown>,
): object => {
  const repeated: FieldError[] = [];
  const values = Object.entries(query).map(([name, value]) => {
    if (typeof value !== 'string') repeated.push({ path: name, message: 'must be given once' });
    return [name, Object.hasOwn(fields, name) ? typed(fields[name], value) : value] as const;
  });
  refuse(repeated, 'The query');
  const result = Object.fromEntries(values);
  refuse(
    invalidFields(shape, result, 'refuse').map((fault) =>
      fault.message === 'is not a known field'
        ? { ...fault, message: 'is not a known query parameter' }
        : fault,
    ),
    'The query',
  );
  return result;
};

/** What cannot be turned stays text, and the rule says what is expected. */
const typed = (schema: JsonSchema | undefined, value: unknown): unknown => {
  if (typeof value !== 'string') return value;
  const type = schema?.type;
  if (type === 'integer' || type === 'number') return /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value;
  if (type === 'array') return value.split(',').filter((item) => item !== '');
  return value;
};
