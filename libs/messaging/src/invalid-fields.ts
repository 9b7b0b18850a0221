// The registry behind @Type: class-transformer keeps it out of its index, its users (class-validator-jsonschema) take it from here.
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { validateSync, type ValidationError } from 'class-validator';
import type { FieldError, Shape } from '@muster/contracts';

/** More than these tell a caller nothing new, and an answer must stay small. */
const MAX_REPORTED = 50;

/**
 * Which rules of `shape` the parsed JSON `value` breaks; empty: none. Unknown fields are faults when `unknown` is
 * `refuse` (requests), and passed over when it is `ignore` (replies and events, which may have grown).
 */
export const invalidFields = (
  shape: Shape<object>,
  value: unknown,
  unknown: 'refuse' | 'ignore',
): readonly FieldError[] => {
  if (!isObject(value)) return [{ path: '', message: 'must be an object' }];
  const refuse = unknown === 'refuse';
  const faults = validateSync(dressed(shape, value), {
    whitelist: refuse,
    forbidNonWhitelisted: refuse,
    // A class without rules (`Done`) is not a fault.
    forbidUnknownValues: false,
  });
  return faults.flatMap((fault) => flat(fault, '')).slice(0, MAX_REPORTED);
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * `value` as an instance of `shape`, and so on where @Type says so; everything else is shared, not copied. Instead of
 * `plainToInstance`, which walks all of it: 500 telemetry messages of free JSON would cost milliseconds a request.
 */
const dressed = (shape: Shape<object>, value: Record<string, unknown>): object => {
  const instance = new shape();
  for (const [key, field] of Object.entries(value)) {
    const nested = defaultMetadataStorage.findTypeMetadata(shape, key);
    // By definition, not assignment: a key `__proto__` in the JSON must become a field, to be refused as one.
    Object.defineProperty(instance, key, {
      value: nested === undefined ? field : dressedField(nested.typeFunction() as Shape<object>, field), // our @Type names classes only
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return instance;
};

const dressedField = (shape: Shape<object>, field: unknown): unknown => {
  if (Array.isArray(field)) return field.map((item: unknown) => dressedField(shape, item));
  return isObject(field) ? dressed(shape, field) : field;
};

const flat = (fault: ValidationError, parent: string): FieldError[] => {
  const path = parent === '' ? fault.property : `${parent}.${fault.property}`;
  const own = Object.entries(fault.constraints ?? {}).map(([rule, text]) => ({
    path,
    message: rule === 'whitelistValidation' ? 'is not a known field' : withoutName(text, fault.property),
  }));
  return [...own, ...(fault.children ?? []).flatMap((child) => flat(child, path))];
};

/** class-validator starts its texts with the field's name, which `path` tells already. */
const withoutName = (text: string, property: string): string =>
  text.startsWith(`${property} `) ? text.slice(property.length + 1) : text;
