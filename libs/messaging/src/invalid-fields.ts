// The registry behind @Type: class-transformer keeps it out of its index, its users (class-validator-jsonschema) take it from here.
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import type { TypeMetadata } from 'class-transformer';
import { getMetadataStorage, validateSync, ValidationTypes, type ValidationError } from 'class-validator';
import type { FieldError, Shape } from '@muster/contracts';
import { kindOf } from '@muster/json';
import { keepsRules, nullsOf, type Nulls } from './keeps-rules.js';

/**
 * class-validator goes through the rules of all classes for each object that it checks, to find those of its class and what that
 * inherits: a sixth of the processor time of a service that is sent lists of 500. A class never gets other rules, so it is told
 * once. Of checks without groups, as all of ours are.
 */
const rulesOnce = (): void => {
  const storage = getMetadataStorage();
  const find = storage.getTargetValidationMetadatas.bind(storage);
  const found = new WeakMap<Shape<object>, ReturnType<typeof find>>();
  storage.getTargetValidationMetadatas = (shape, schema, always, strictGroups, groups) => {
    if (groups !== undefined || always || strictGroups)
      return find(shape, schema, always, strictGroups, groups);
    const before = found.get(shape as Shape<object>);
    if (before !== undefined) return before;
    const rules = find(shape, schema, always, strictGroups);
    found.set(shape as Shape<object>, rules);
    return rules;
  };
};
rulesOnce();

/** More than these tell a caller nothing new, and an answer must stay small. */
const MAX_REPORTED = 50;

/**
 * Which rules of `shape` the parsed JSON `value` breaks; empty: none. Unknown fields, and null
 * in a patch for what cannot be removed, are faults when `unknown` is `refuse` (requests), and passed over when it is `ignore`
 * (replies and events, which may have grown).
 */
export const invalidFields = (
  shape: Shape<object>,
  value: unknown,
  unknown: 'refuse' | 'ignore',
): readonly FieldError[] => {
  if (!isObject(value)) return [{ path: '', message: 'must be an object' }];
  return keepsRules(shape, value, unknown) ? [] : brokenRules(shape, value, unknown);
};

/** The same by class-validator alone. */
export const brokenRules = (
  shape: Shape<object>,
  value: Readonly<Record<string, unknown>>,
  unknown: 'refuse' | 'ignore',
): readonly FieldError[] => {
  const refuse = unknown === 'refuse';
  const refused: FieldError[] = [];
  const faults = validateSync(dressed(shape, value, '', refused), {
    whitelist: refuse,
    forbidNonWhitelisted: refuse,
    // A class without rules (`Done`) is not a fault.
    forbidUnknownValues: false,
  });
  return [...(refuse ? refused : []), ...faults.flatMap((fault) => flat(fault, ''))].slice(0, MAX_REPORTED);
};

/** Takes out of a request that keeps the rules of `shape` every null that says nothing. Changes `value`, and returns it. */
export const withoutNulls = <T>(shape: Shape<object>, value: T): T => {
  if (!isObject(value)) return value;
  const { fields, nulls } = nestedOf(shape);
  for (const key of nulls.absent) if (value[key] === null) Reflect.deleteProperty(value, key);
  for (const [key, nested] of fields) {
    const field = value[key];
    for (const item of Array.isArray(field) ? (field as unknown[]) : [field])
      withoutNulls(nested.shape, item);
  }
  return value;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the rules of a class say about its nested objects. */
interface Nested {
  /** By field: the class of the object, or of a list's items. */
  readonly fields: ReadonlyMap<string, NestedField>;
  /** class-validator passes nested validation over where there is nothing; these have no other rule that asks for them. */
  readonly required: readonly string[];
  readonly nulls: Nulls;
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
  const nested = { fields: new Map(fields), required, nulls: nullsOf(shape, rules) };
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
  refused: FieldError[],
): object => {
  const instance = new shape() as Record<string, unknown>; // filled with what JSON brought, to be checked
  const { fields, required, nulls } = nestedOf(shape);
  for (const [key, field] of Object.entries(value)) {
    const at = pathOf(path, key);
    if (key in Object.prototype) {
      // `__proto__` would replace the class, and class-validator takes `constructor` or `toString` for known fields.
      refused.push({ path: at, message: NOT_KNOWN });
      continue;
    }
    if (field === null && nulls.refused.has(key)) refused.push({ path: at, message: 'must not be null' });
    const nested = fields.get(key);
    instance[key] = nested === undefined ? field : dressedField(nested, field, at, refused);
  }
  // class-validator faults null where it passes a missing object over.
  for (const key of required) instance[key] ??= null;
  return instance;
};

const dressedField = (
  { shape, list }: NestedField,
  field: unknown,
  path: string,
  refused: FieldError[],
): unknown => {
  if (isObject(field)) return dressed(shape, field, path, refused);
  if (!Array.isArray(field)) return field;
  // class-validator would look for objects in the list, and find no fault with an empty one.
  if (!list) return NOT_AN_OBJECT;
  return field.map((item: unknown, index) =>
    dressedField({ shape, list: false }, item, pathOf(path, String(index)), refused),
  );
};

/** Stands for a list in an object's place: something that class-validator faults. */
const NOT_AN_OBJECT = Symbol('a list');

const NOT_KNOWN = 'is not a known field';

const pathOf = (parent: string, key: string): string => (parent === '' ? key : `${parent}.${key}`);

const flat = (fault: ValidationError, parent: string): FieldError[] => {
  const path = pathOf(parent, fault.property);
  const own = ownFaults(fault, path);
  return [...own, ...(fault.children ?? []).flatMap((child) => flat(child, path))];
};

const ownFaults = (
  { property, value, constraints = {}, target }: ValidationError,
  path: string,
): FieldError[] => {
  const { [ValidationTypes.NESTED_VALIDATION]: nested, ...others } = constraints;
  const broken = Object.entries(others);
  if (ValidationTypes.WHITELIST in others) return [{ path, message: NOT_KNOWN }];
  const isMissing = value === undefined || (nested !== undefined && broken.length === 0 && value === null);
  if (isMissing && !Array.isArray(target))
    return Object.keys(constraints).length > 0 ? [{ path, message: 'is required' }] : [];
  // To what is of the wrong kind, its length and size say nothing: class-validator would tell them first.
  const kinds = broken.filter(([rule]) => rule in KINDS);
  const told = kinds.length > 0 ? kinds : broken;
  // The other rules of such a field (@IsArray, @IsObject) say better what must be there.
  if (nested !== undefined && told.length === 0)
    return [{ path, message: `must be an object, is ${kindName(value)}` }];
  return told.map(([rule, text]) => worded(rule, text, property, value, path));
};

/** The rules about what kind of value a field holds, and what they accept. */
const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  isInt: (value) => Number.isInteger(value),
  isNumber: (value) => Number.isFinite(value),
  isString: (value) => typeof value === 'string',
  isBoolean: (value) => typeof value === 'boolean',
  isArray: (value) => Array.isArray(value),
  isObject: isObject,
};

/** A broken rule in words: of a list's items it names the first that breaks it, where the rule is about its kind. */
const worded = (rule: string, text: string, property: string, value: unknown, path: string): FieldError => {
  // "All tags's elements must be unique", which is no rule of the field's in our words.
  if (rule === 'arrayUnique' && Array.isArray(value))
    return { path, message: 'must not hold the same value twice' };
  if (rule === 'arrayNotEmpty' && Array.isArray(value)) return { path, message: 'must not be empty' };
  // Any other value breaks the pattern that a text must have, and "must match" says nothing of that.
  if (rule === 'matches' && typeof value !== 'string' && !Array.isArray(value))
    return { path, message: `must be a string, is ${kindName(value)}` };
  const message = withoutName(text, property);
  if (!text.startsWith(EACH) || !Array.isArray(value))
    return { path, message: isOfItems(text) ? message : withKind(rule, message, value) };
  const each = withoutName(text.slice(EACH.length), property);
  const accepts = KINDS[rule];
  const place = accepts === undefined ? -1 : value.findIndex((item) => !accepts(item));
  return place < 0
    ? { path, message: `each value ${each}` }
    : { path: pathOf(path, String(place)), message: withKind(rule, each, value[place]) };
};

const EACH = 'each value in ';

/** The list is not what is wrong, and which of its items is, class-validator does not tell. */
const isOfItems = (text: string): boolean => text.startsWith('each value must ');

/** What kind the value is says nothing new where a number is out of bounds or a text is not among those allowed. */
const withKind = (rule: string, message: string, value: unknown): string => {
  const kind = kindName(value);
  const isOther =
    rule in KINDS ? !(kind === 'a number' && NUMBERS.has(rule)) : !['text', 'a number'].includes(kind);
  return isOther || message === 'must be a string' ? `${message}, is ${kind}` : message;
};

const NUMBERS = new Set(['isInt', 'isNumber']);

const kindName = (value: unknown): string => kindOf(value === NOT_AN_OBJECT ? [] : value);

/** class-validator starts its texts with the field's name, which `path` tells already. */
const withoutName = (text: string, property: string): string =>
  (text.startsWith(`${property} `) ? text.slice(property.length + 1) : text).replace(
    // None of our numbers has constraints of that kind; `must be a number` is all it means.
    ' conforming to the specified constraints',
    '',
  );
