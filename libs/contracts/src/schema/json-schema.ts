import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { getMetadataStorage } from 'class-validator';
import { targetConstructorToSchema } from 'class-validator-jsonschema';
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
  const reached = new Map<string, JsonSchema>();
  const reach = (name: string, shape = classNamed(name)): void => {
    if (reached.has(name)) return;
    const schema = name === JSON_VALUE ? ANY_JSON : shape && schemaOf(shape, refPrefix);
    if (schema === undefined) return;
    reached.set(name, schema);
    for (const ref of refsIn(schema, refPrefix)) reach(ref);
  };
  for (const shape of shapes) reach(shape.name, shape);
  return Object.fromEntries([...reached].sort(([a], [b]) => (a < b ? -1 : 1)));
};

/** By prefix and class. */
const made = new Map<string, Map<Shape<object>, JsonSchema>>();

/**
 * Of one class, and not of all at once: asked for while modules are still being loaded, that would be made again and again,
 * and grows with the square of the classes.
 */
const schemaOf = (shape: Shape<object>, refPrefix: string): JsonSchema | undefined => {
  const ofPrefix = made.get(refPrefix) ?? new Map<Shape<object>, JsonSchema>();
  made.set(refPrefix, ofPrefix);
  const before = ofPrefix.get(shape);
  if (before !== undefined) return before;
  if (getMetadataStorage().getTargetValidationMetadatas(shape, '', true, false).length === 0)
    return undefined;
  const schema = finished(targetConstructorToSchema(shape, optionsOf(refPrefix)) as JsonSchema); // typed for OpenAPI 3.0
  ofPrefix.set(shape, schema);
  return schema;
};

/** The classes that have rules of their own; class-validator knows them, and its types keep that to itself. */
const classNamed = (name: string): Shape<object> | undefined => {
  const storage = getMetadataStorage() as unknown as {
    readonly validationMetadatas: ReadonlyMap<Shape<object>, unknown>;
  };
  return [...storage.validationMetadatas.keys()].find((shape) => shape.name === name);
};

const optionsOf = (refPrefix: string) =>
  ({
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
      anyJson: () => ({ $ref: `${refPrefix}${JSON_VALUE}` }),
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
  }) satisfies Parameters<typeof targetConstructorToSchema>[1];

/** A text, with what a rule of ours was made with under these names. */
const withConstraints =
  (...names: readonly ('pattern' | 'minLength' | 'maxLength')[]) =>
  ({ constraints }: { readonly constraints: readonly unknown[] }) => ({
    ...Object.fromEntries(names.map((name, index) => [name, constraints[index]])),
    type: 'string' as const,
  });

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
