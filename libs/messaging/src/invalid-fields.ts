// The registry behind @Type: class-transformer keeps it out of its index, its users (class-validator-jsonschema) take it from here.
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import type { TypeMetadata } from 'class-transformer';
import { getMetadataStorage, validateSync, ValidationTypes, type ValidationError } from 'class-validator';
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

/** What the rules of a class say about its nested objects. */
interface Nested {
  /** By field: the class of the object, or of a list's items. */
  readonly fields: ReadonlyMap<string, NestedField>;
  /** class-validator passes nested validation over where there is nothing; these have no other rule that asks for them. */
  readonly required: readonly string[];
}

interface NestedField {
  readonly shape: Shape<object>;
  readonly list: boolean;
}

/** By class: every request asks, and class-validator goes through all classes to answer. */
const known = new WeakMap<Shape<object>, Nested>();

const nestedOf = (shape: Shape<object>): Nested => {
  const before = known.get(shape);
  if (before !== undefined) return before;
  const storage = getMetadataStorage();
  const rules = storage.groupByPropertyName(storage.getTargetValidationMetadatas(shape, '', false, false));
  const fields = Object.entries(rules).flatMap(([name, ofField]) => {
    // Typed as if it always found something.
    const type = defaultMetadataStorage.findTypeMetadata(shape, name) as TypeMetadata | undefined;
    if (type === undefined) return [];
    const list = ofField.some((rule) => rule.type === ValidationTypes.NESTED_VALIDATION && rule.each);
    return [[name, { shape: type.typeFunction() as Shape<object>, list }] as const]; // our @Type names classes only
  });
  const required = Object.entries(rules)
    .filter(([, ofField]) => ofField.every((rule) => rule.type === ValidationTypes.NESTED_VALIDATION))
    .map(([name]) => name);
  const nested = { fields: new Map(fields), required };
  known.set(shape, nested);
  return nested;
};

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
  const { fields, required } = nestedOf(shape);
  for (const [key, field] of Object.entries(value)) {
    const at = pathOf(path, key);
    if (key in Object.prototype) {
      // `__proto__` would replace the class, and class-validator takes `constructor` or `toString` for known fields.
      inherited.push({ path: at, message: NOT_KNOWN });
      continue;
    }
    const nested = fields.get(key);
    instance[key] = nested === undefined ? field : dressedField(nested, field, at, inherited);
  }
  // class-validator faults null where it passes a missing object over.
  for (const key of required) instance[key] ??= null;
  return instance;
};

const dressedField = (
  { shape, list }: NestedField,
  field: unknown,
  path: string,
  inherited: FieldError[],
): unknown => {
  if (isObject(field)) return dressed(shape, field, path, inherited);
  if (!Array.isArray(field)) return field;
  // class-validator would look for objects in the list, and find no fault with an empty one.
  if (!list) return NOT_AN_OBJECT;
  return field.map((item: unknown, index) =>
    dressedField({ shape, list: false }, item, pathOf(path, String(index)), inherited),
  );
};

/** Stands for a list in an object's place: something that class-validator faults. */
const NOT_AN_OBJECT = 'a list';

const NOT_KNOWN = 'is not a known field';

const pathOf = (parent: string, key: string): string => (parent === '' ? key : `${parent}.${key}`);

const flat = (fault: ValidationError, parent: string): FieldError[] => {
  const path = pathOf(parent, fault.property);
  const { [ValidationTypes.NESTED_VALIDATION]: nested, ...others } = fault.constraints ?? {};
  const broken = Object.entries(others);
  // To what is of the wrong kind, its length and size say nothing: class-validator would tell them first.
  const kinds = broken.filter(([rule]) => KINDS.has(rule));
  const own = (kinds.length > 0 ? kinds : broken).map(([rule, text]) => ({
    path,
    message: rule === ValidationTypes.WHITELIST ? NOT_KNOWN : withoutName(text, fault.property),
  }));
  // The other rules of such a field (@IsArray, @IsObject) say better what must be there.
  if (nested !== undefined && own.length === 0) own.push({ path, message: nestedMessage(fault) });
  return [...own, ...(fault.children ?? []).flatMap((child) => flat(child, path))];
};

const KINDS = new Set(['isInt', 'isNumber', 'isString', 'isBoolean', 'isArray', 'isObject']);

const nestedMessage = ({ value, target }: ValidationError): string =>
  value === null && !Array.isArray(target) ? 'is required' : 'must be an object';

/** class-validator starts its texts with the field's name, which `path` tells already. */
const withoutName = (text: string, property: string): string =>
  text.startsWith(`${property} `) ? text.slice(property.length + 1) : text;
