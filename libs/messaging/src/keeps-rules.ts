// The registry behind @Type: class-transformer keeps it out of its index, its users (class-validator-jsonschema) take it from here.
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import type { TypeMetadata } from 'class-transformer';
import { getMetadataStorage, ValidationTypes, type ValidatorConstraintInterface } from 'class-validator';
import type { Shape } from '@muster/contracts';

type Json = Readonly<Record<string, unknown>>;
type Check = (of: Json, value: unknown) => boolean;

interface Field {
  readonly name: string;
  /** Of @IsOptional and @ValidateIf: when one of them is false, nothing else is asked of the field. */
  readonly conditions: readonly Check[];
  readonly checks: readonly Check[];
  readonly refusesNull: boolean;
  readonly nested: {
    readonly shape: Shape<object>;
    readonly list: boolean;
    readonly required: boolean;
  } | null;
}

interface Rules {
  readonly fields: readonly Field[];
  readonly names: ReadonlySet<string>;
}

type Metadata = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

/**
 * Whether `value` keeps the rules of `shape`, for the many that do; false: ask class-validator, which says what is wrong. The
 * same rules with the same functions, but looked up once for each class: class-validator goes through its lists of rules for
 * each object, and makes an error for each field before it knows whether there is one. It took two fifths of what it costs to
 * read an event. A class with what is not foreseen here is always left to class-validator.
 */
export const keepsRules = (shape: Shape<object>, value: Json, unknown: 'refuse' | 'ignore'): boolean => {
  const rules = rulesOf(shape);
  if (rules === undefined) return false;
  if (unknown === 'refuse' && !Object.keys(value).every((name) => rules.names.has(name))) return false;
  return rules.fields.every((field) => {
    const own = value[field.name];
    if (unknown === 'refuse' && own === null && field.refusesNull) return false;
    if (!field.conditions.every((holds) => holds(value, own))) return true;
    return field.checks.every((check) => check(value, own)) && keepsNested(field, own, unknown);
  });
};

const keepsNested = ({ nested }: Field, value: unknown, unknown: 'refuse' | 'ignore'): boolean => {
  if (nested === null) return true;
  if (value === undefined) return !nested.required;
  const { shape, list } = nested;
  if (!list) return isObject(value) && keepsRules(shape, value, unknown);
  return Array.isArray(value) && value.every((item) => isObject(item) && keepsRules(shape, item, unknown));
};

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const known = new WeakMap<Shape<object>, { readonly rules: Rules | undefined }>();

const rulesOf = (shape: Shape<object>): Rules | undefined => {
  let found = known.get(shape);
  if (found === undefined) known.set(shape, (found = { rules: readRules(shape) }));
  return found.rules;
};

/** Undefined: class-validator must be asked. */
const readRules = (shape: Shape<object>): Rules | undefined => {
  const storage = getMetadataStorage();
  const byName = storage.groupByPropertyName(storage.getTargetValidationMetadatas(shape, '', false, false));
  const { refused } = nullsOf(shape, byName);
  const read = Object.entries(byName).map(([name, ofField]) => fieldOf(shape, name, ofField));
  if (!read.every((field) => field !== undefined)) return undefined;
  const fields = read.map((field) => ({ ...field, refusesNull: refused.has(field.name) }));
  return { fields, names: new Set(fields.map(({ name }) => name)) };
};

/** What null says in the optional fields of a request; where it is a value, or removes one, a service is told of it. */
export interface Nulls {
  /** That nothing is said: it is taken out before a service reads the request. */
  readonly absent: ReadonlySet<string>;
  /** Nothing that can be done: in a patch null would remove what cannot be missing. */
  readonly refused: ReadonlySet<string>;
}

/** To @IsOptional null is as good as nothing, so none of the other rules is asked, and `?: string` in a class would not be true. */
export const nullsOf = (
  shape: Shape<object>,
  byName: Readonly<Record<string, readonly Metadata[]>>,
): Nulls => {
  const has = (ofField: readonly Metadata[], rule: string) => ofField.some(({ name }) => name === rule);
  const all = Object.entries(byName);
  // What is merged into something is named so, or has fields that null removes.
  const isPatch = shape.name.endsWith('Edit') || all.some(([, ofField]) => has(ofField, 'nullRemoves'));
  const without = all.flatMap(([name, ofField]) =>
    has(ofField, 'isOptional') && !has(ofField, 'anyJson') && !has(ofField, 'nullRemoves') ? [name] : [],
  );
  return isPatch
    ? { absent: new Set(), refused: new Set(without) }
    : { absent: new Set(without), refused: new Set() };
};

const fieldOf = (
  shape: Shape<object>,
  name: string,
  metadata: readonly Metadata[],
): Omit<Field, 'refusesNull'> | undefined => {
  if (name in Object.prototype) return undefined;
  const of = (type: string): readonly Metadata[] => metadata.filter((one) => one.type === type);
  const nestedRules = of(ValidationTypes.NESTED_VALIDATION);
  // Typed as if it always found something.
  const type = defaultMetadataStorage.findTypeMetadata(shape, name) as TypeMetadata | undefined;
  if ((type === undefined) !== (nestedRules.length === 0)) return undefined;
  const checks = [...of(ValidationTypes.IS_DEFINED), ...of(ValidationTypes.CUSTOM_VALIDATION)].map(checkOf);
  const conditions = of(ValidationTypes.CONDITIONAL_VALIDATION).map(
    ({ constraints }) => constraints[0] as Check, // what @IsOptional and @ValidateIf put there
  );
  const others = of(ValidationTypes.WHITELIST).length + nestedRules.length;
  if (checks.length + conditions.length + others !== metadata.length) return undefined;
  if (!checks.every((check) => check !== undefined)) return undefined;
  const nested =
    type === undefined
      ? null
      : {
          shape: type.typeFunction() as Shape<object>, // our @Type names classes only
          list: nestedRules.some(({ each }) => each),
          required: nestedRules.length === metadata.length,
        };
  return { name, conditions, checks, nested };
};

const checkOf = (metadata: Metadata): Check | undefined => {
  const { constraints, each, propertyName: property, validateIf, constraintCls } = metadata;
  const [rule, ...others] = getMetadataStorage().getTargetValidatorConstraints(constraintCls);
  if (rule === undefined || others.length > 0 || rule.async) return undefined;
  const { instance } = rule;
  return (object, value) => {
    if (validateIf !== undefined && !validateIf(object, value)) return true;
    const about = { value, constraints, object, property, targetName: '' };
    return each && Array.isArray(value)
      ? value.every((item) => holds(instance, item, about))
      : holds(instance, value, about);
  };
};

const holds = (
  instance: ValidatorConstraintInterface,
  value: unknown,
  about: Parameters<ValidatorConstraintInterface['validate']>[1],
): boolean => instance.validate(value, about) === true;
