import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { validationMetadatasToSchemas } from 'class-validator-jsonschema';
import type { Shape } from '../contract.js';
import { JSON_VALUE, type RefTo } from '../described.js';

/** A JSON Schema (2020-12), as far as we look into it. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly [keyword: string]: unknown;
}

/** By class name; a class refers to another by `refPrefix` and its name. Classes without rules (`Done`) are missing. */
export const schemasOf = (
  shapes: readonly Shape<object>[],
  refPrefix: string,
): Readonly<Record<string, JsonSchema>> => {
  const all = allSchemas(shapes, refPrefix);
  const reached = new Map<string, JsonSchema>();
  const reach = (name: string, schema = all[name]): void => {
    if (schema === undefined || reached.has(name)) return;
    reached.set(name, finished(schema));
    for (const ref of refsIn(schema, refPrefix)) reach(ref);
  };
  for (const shape of shapes) reach(shape.name, all[shape.name] ?? inherited(shape, all));
  return Object.fromEntries([...reached].sort(([a], [b]) => (a < b ? -1 : 1)));
};

interface Made {
  readonly all: Readonly<Record<string, JsonSchema>>;
  /** Classes that were asked for, whether they have rules or not. */
  readonly asked: Set<Shape<object>>;
}

/** By prefix. Made from the rules of all classes at once, which takes a tenth of a second. */
const made = new Map<string, Made>();

/** Made again for a class that is missing and was not asked for: its module may have been loaded since. */
const allSchemas = (
  shapes: readonly Shape<object>[],
  refPrefix: string,
): Readonly<Record<string, JsonSchema>> => {
  const before = made.get(refPrefix);
  if (before !== undefined && shapes.every((shape) => shape.name in before.all || before.asked.has(shape)))
    return before.all;
  const ofClasses = validationMetadatasToSchemas({
    classTransformerMetadataStorage: defaultMetadataStorage,
    refPointerPrefix: refPrefix,
    additionalConverters: {
      isIso8601: { type: 'string', format: 'date-time' },
      isTime: { type: 'string', format: 'date-time' },
      isFolder: withConstraints('pattern'),
      isEndpointToken: withConstraints('pattern', 'maxLength'),
      isStart: withConstraints('pattern'),
      isName: withConstraints('minLength', 'maxLength'),
      isText: withConstraints('maxLength'),
      notGiven: { not: {} },
      described: ({ constraints }) => {
        const [schema] = constraints as [(refTo: RefTo) => Readonly<Record<string, unknown>>]; // as `Described` registers it
        return schema((what) => ({ $ref: `${refPrefix}${typeof what === 'string' ? what : what.name}` }));
      },
      nullRemoves: { [NULL_REMOVES]: true },
      isFilter: {
        type: 'string',
        description:
          'RSQL of at most 4096 characters: `deviceType==thermostat;tags=in=(roof,north);folder==/paris/*`. ' +
          'docs/filters.md has the fields, the operators and examples.',
      },
      areMetadataRules: {
        type: 'object',
        additionalProperties: {
          type: 'object',
          properties: { readable: { type: 'boolean' }, writable: { type: 'boolean' } },
          additionalProperties: false,
        },
      },
      // @ValidateIf is used for one thing, "or null"; @IsOptional, of the same kind, has a name.
      conditionalValidation: (rule) => (rule.name === 'isOptional' ? {} : { [OR_NULL]: true }),
    },
  }) as Readonly<Record<string, JsonSchema>>; // the same, typed for OpenAPI 3.0
  const all = { ...ofClasses, [JSON_VALUE]: ANY_JSON };
  made.set(refPrefix, { all, asked: new Set([...(before?.asked ?? []), ...shapes]) });
  return all;
};

/** A text, with what a rule of ours was made with under these names. */
const withConstraints =
  (...names: readonly ('pattern' | 'minLength' | 'maxLength')[]) =>
  ({ constraints }: { readonly constraints: readonly unknown[] }) => ({
    ...Object.fromEntries(names.map((name, index) => [name, constraints[index]])),
    type: 'string' as const,
  });

/** A class that adds no field to the one it extends is unknown to class-validator. */
const inherited = (
  shape: Shape<object>,
  all: Readonly<Record<string, JsonSchema>>,
): JsonSchema | undefined => {
  const parent: unknown = Object.getPrototypeOf(shape);
  if (typeof parent !== 'function' || parent.name === '') return undefined;
  return all[parent.name] ?? inherited(parent as Shape<object>, all); // what a class extends is a class
};

/** Spelled out: generators make a union of it, where `{}` would become a type of which nothing is known. */
const ANY_JSON: JsonSchema = {
  description: 'Any JSON value.',
  type: ['string', 'number', 'boolean', 'object', 'array', 'null'],
  items: {},
  additionalProperties: true,
};

const OR_NULL = 'x-or-null';
const NULL_REMOVES = 'x-null-removes';

/**
 * class-validator-jsonschema takes a conditional field for an optional one; ours is always there, and may be null. What null
 * removes stays optional.
 */
const finished = (schema: JsonSchema): JsonSchema => {
  const required = new Set(schema.required ?? []);
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    if (property[OR_NULL] === true) required.add(name);
    const mayBeNull = property[OR_NULL] === true || property[NULL_REMOVES] === true;
    const described = Object.fromEntries(
      Object.entries(property).filter(([keyword]) => keyword !== OR_NULL && keyword !== NULL_REMOVES),
    );
    return [name, mayBeNull ? orNull(explicit(described)) : explicit(described)] as const;
  });
  return {
    ...schema,
    ...(schema.properties === undefined ? {} : { properties: Object.fromEntries<JsonSchema>(properties) }),
    ...(required.size > 0 ? { required: [...required].sort() } : {}),
  };
};

/** An object without declared members may have any: generators take `type: object` alone for one that has none. */
const explicit = (property: JsonSchema): JsonSchema => {
  if (property.$ref !== undefined) return { $ref: property.$ref };
  const { type, properties, additionalProperties } = property;
  const isFree = type === 'object' && properties === undefined && additionalProperties === undefined;
  return isFree ? { ...property, additionalProperties: true } : property;
};

const orNull = (property: JsonSchema): JsonSchema =>
  property.$ref === undefined
    ? {
        ...property,
        type: [String(property.type), 'null'],
        ...(property.enum === undefined ? {} : { enum: [...property.enum, null] }),
      }
    : { anyOf: [property, { type: 'null' }] };

const refsIn = (value: unknown, prefix: string): string[] => {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) =>
    key === '$ref' && typeof part === 'string' ? [part.slice(prefix.length)] : refsIn(part, prefix),
  );
};
