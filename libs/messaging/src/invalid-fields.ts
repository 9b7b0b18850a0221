// The registry behind @Type: class-transformer keeps it out of its index, its users (class-validator-jsonschema) take it from here.
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import type { TypeMetadata } from 'class-transformer';
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
  const inherited: FieldError[] = [];
  const faults = validateSync(dressed(shape, value, '', inherited), {
    whitelist: refuse,
    forbidNonWhitelisted: refuse,
    // A class without rules (`Done`) is not a fault.
    forbidUnknownValues: false,
  });
  return [...(refuse ? inherited : []), ...faults.flatMap((fault) => flat(fault, ''))].slice(0, MAX_REPORTED);
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * `value` as an instance of `shape`, and so on where @Type says so; everything else is shared, not copied. Instead of
 * `plainToInstance`, which walks all of it: 500 telemetry messages of free JSON would cost milliseconds a request.
 */
const dressed = (
  shape: Shape<object>,
  value: Record<string, unknown>,
  path: string,
  inherited: FieldError[],
): object => {
  const instance = new shape() as Record<string, unknown>; // filled with what JSON brought, to be checked
  for (const [key, field] of Object.entries(value)) {
    const at = pathOf(path, key);
    if (key in Object.prototype) {
      // `__proto__` would replace the class, and class-validator takes `constructor` or `toString` for known fields.
      inherited.push({ path: at, message: NOT_KNOWN });
      continue;
    }
    // Typed as if it always found something.
    const nested = defaultMetadataStorage.findTypeMetadata(shape, key) as TypeMetadata | undefined;
    instance[key] =
      nested === undefined
        ? field
        : dressedField(nested.typeFunction() as Shape<object>, field, at, inherited); // our @Type names classes only
  }
  return instance;
};

const dressedField = (
  shape: Shape<object>,
  field: unknown,
  path: string,
  inherited: FieldError[],
): unknown => {
  if (Array.isArray(field)) {
    return field.map((item: unknown, index) =>
      dressedField(shape, item, pathOf(path, String(index)), inherited),
    );
  }
  return isObject(field) ? dressed(shape, field, path, inherited) : field;
};

const NOT_KNOWN = 'is not a known field';

const pathOf = (parent: string, key: string): string => (parent === '' ? key : `${parent}.${key}`);

const flat = (fault: ValidationError, parent: string): FieldError[] => {
  const path = pathOf(parent, fault.property);
  const own = Object.entries(fault.constraints ?? {}).map(([rule, text]) => ({
    path,
    message: rule === 'whitelistValidation' ? NOT_KNOWN : withoutName(text, fault.property),
  }));
  return [...own, ...(fault.children ?? []).flatMap((child) => flat(child, path))];
};

/** class-validator starts its texts with the field's name, which `path` tells already. */
const withoutName = (text: string, property: string): string =>
  text.startsWith(`${property} `) ? text.slice(property.length + 1) : text;
