import type { JsonSchema } from './json-schema.js';

/**
 * What in `after` breaks somebody who was written against `before`, one sentence each. Published events are read long after
 * they were written, by us and by others, so both directions count: readers rely on fields that are there and on their
 * types, and the newer rules must accept what the stream still holds. So a field may be added, optional; a value may be
 * added to a list of values; a rule may be dropped. Nothing else.
 */
export const breakingChanges = (before: JsonSchema, after: JsonSchema): readonly string[] => {
  const compare = (a: JsonSchema, b: JsonSchema, path: string, seen: ReadonlySet<string>): string[] => {
    if (a.$ref !== undefined && seen.has(a.$ref)) return [];
    const deeper = a.$ref === undefined ? seen : new Set([...seen, a.$ref]);
    const [old, now] = [resolved(a, before), resolved(b, after)];
    const at = path === '' ? 'the data' : path;
    const found: string[] = [];
    if (JSON.stringify(types(old)) !== JSON.stringify(types(now))) {
      found.push(
        `${at} was ${types(old).join(' or ') || 'any value'}, is ${types(now).join(' or ') || 'any value'}`,
      );
    }
    for (const name of required(now).filter((one) => !required(old).includes(one))) {
      found.push(`${join(path, name)} is required: events that were published before lack it`);
    }
    for (const name of required(old).filter((one) => !required(now).includes(one))) {
      found.push(`${join(path, name)} may be missing: readers rely on it`);
    }
    for (const [name, property] of Object.entries(old.properties ?? {})) {
      const counterpart = now.properties?.[name];
      if (counterpart === undefined) found.push(`${join(path, name)} is gone`);
      else found.push(...compare(property, counterpart, join(path, name), deeper));
    }
    if (old.items !== undefined) {
      found.push(...compare(old.items, now.items ?? {}, `${path}[]`, deeper));
    }
    const values = listOf(now.enum);
    for (const value of listOf(old.enum)) {
      if (now.enum !== undefined && !values.includes(value))
        found.push(`${at} may no longer be ${String(value)}`);
    }
    for (const rule of RULES) {
      if (
        now[rule] !== undefined &&
        !isFree(rule, now) &&
        JSON.stringify(now[rule]) !== JSON.stringify(old[rule])
      ) {
        found.push(`${at} has another ${rule}: events that were published before may break it`);
      }
    }
    return found;
  };
  return compare(before, after, '', new Set());
};

/** What narrows a value. */
const RULES = [
  ...['format', 'pattern', 'minLength', 'maxLength', 'minimum', 'maximum', 'minItems', 'maxItems'],
  ...['uniqueItems', 'additionalProperties', 'not', 'const'],
];

/** Said outright, that there may be any other member narrows nothing. */
const isFree = (rule: string, schema: JsonSchema): boolean =>
  rule === 'additionalProperties' && schema[rule] === true;

const resolved = (schema: JsonSchema, root: JsonSchema): JsonSchema => {
  if (schema.$ref === undefined) return schema;
  const definitions = root['$defs'] as Readonly<Record<string, JsonSchema>> | undefined; // as `schemasOf` makes them
  return definitions?.[schema.$ref.replace('#/$defs/', '')] ?? {};
};

const types = ({ type, enum: values }: JsonSchema): readonly string[] => {
  if (type !== undefined) return typeof type === 'string' ? [type] : [...type].sort();
  return values === undefined ? [] : [...new Set(listOf(values).map((value) => typeof value))].sort();
};

const required = (schema: JsonSchema): readonly string[] => schema.required ?? [];

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);
