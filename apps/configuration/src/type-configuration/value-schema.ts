import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';
import { AppError, type FieldError, type JsonObject, type JsonValue } from '@muster/contracts';
import { sizeOf } from '../device-configuration/config-id.js';

/** The first fault of a value: `path` is '' or begins with a dot. */
export type SchemaCheck = (value: JsonValue) => readonly FieldError[];

export const MAX_SCHEMA_BYTES = 16_384;
const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const MAX_DEPTH = 32;
/** Places a value is checked against, references followed. They can double with every line of a schema of a few lines. */
const MAX_PLACES = 5_000;
const REFERENCE = /^#\/\$defs\/([^/]+)$/;
/** What lets a schema refer to others, or to itself without end. `$async` would make every value pass. */
const REFUSED = [
  '$id',
  '$anchor',
  '$dynamicRef',
  '$dynamicAnchor',
  '$recursiveRef',
  '$recursiveAnchor',
  '$vocabulary',
  '$async',
];

/** Operators write the patterns. Of these none takes longer than linear time, which JavaScript's own may. */
const linear = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    return {
      test: (text: string) => compiled.matcher(text).find(),
      // ajv tells patterns apart by this: with Object's own, every pattern would be the first one.
      toString: () => pattern,
    };
  },
  { code: 'linear' },
);

/**
 * Unknown keywords are refused: a misspelt one would let every value pass. `format` only describes, as the standard has it.
 * The first fault is enough, and keeps a hostile value from costing more than a good one.
 */
const newAjv = () =>
  new Ajv2020({
    strictSchema: true,
    strictTypes: false,
    strictTuples: false,
    allowUnionTypes: true,
    validateFormats: false,
    addUsedSchema: false,
    logger: false,
    code: { regExp: linear },
  });

/** An instance keeps every pattern it has seen, so each is used for so many schemas only. */
const SCHEMAS_PER_INSTANCE = 1_000;
let current = { ajv: newAjv(), left: SCHEMAS_PER_INSTANCE };
const ajvNow = () => {
  if (current.left === 0) current = { ajv: newAjv(), left: SCHEMAS_PER_INSTANCE };
  current.left -= 1;
  return current.ajv;
};

/** What makes this no schema for the value of a key; empty: it is one. Paths are '' or begin with a dot. */
export const faultsOfSchema = (schema: JsonValue): readonly FieldError[] => {
  if (typeof schema === 'boolean') return [];
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    return [{ path: '', message: 'must be a JSON Schema: an object, true or false' }];
  }
  if (sizeOf(schema) > MAX_SCHEMA_BYTES) {
    return [{ path: '', message: `must not have more than ${MAX_SCHEMA_BYTES} bytes` }];
  }
  const { $schema } = schema;
  if ($schema !== undefined && $schema !== DIALECT && $schema !== `${DIALECT}#`) {
    return [{ path: '.$schema', message: `must be ${DIALECT}` }];
  }
  const fault = faultOfReferences(schema) ?? faultOfMeta(schema) ?? faultOfCompiling(schema);
  return fault === undefined ? [] : [fault];
};

/** Throws `invalid-configuration` for what `faultsOfSchema` finds. */
export const compileSchema = (schema: JsonValue): SchemaCheck => {
  const [fault] = faultsOfSchema(schema);
  if (fault !== undefined)
    throw new AppError('invalid-configuration', `schema${fault.path} ${fault.message}`);
  const validate = compiled(schema as JsonObject | boolean); // anything else is a fault
  return (value) => {
    if (validate(value)) return [];
    return (validate.errors ?? []).slice(0, 1).map(told);
  };
};

const compiled = (schema: JsonObject | boolean) => {
  const ajv = ajvNow();
  try {
    return ajv.compile(schema);
  } finally {
    // Kept by the object's identity otherwise, for ever.
    if (typeof schema === 'object') ajv.removeSchema(schema);
  }
};

const faultOfMeta = (schema: JsonObject): FieldError | undefined => {
  const ajv = ajvNow();
  if (ajv.validateSchema(schema) === true) return undefined;
  const [first, ...others] = ajv.errors ?? [];
  if (first === undefined) return { path: '', message: 'is not a JSON Schema' };
  // The deepest is the cause; the others say that its parents are therefore wrong.
  return told(others.reduce((deepest, one) => (depthOf(one) > depthOf(deepest) ? one : deepest), first));
};

const depthOf = ({ instancePath }: ErrorObject): number => instancePath.split('/').length;

const faultOfCompiling = (schema: JsonObject): FieldError | undefined => {
  try {
    compiled(schema);
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const keyword = /unknown keyword: "(.+)"/.exec(text)?.[1];
    if (keyword !== undefined) {
      return { path: pathOfMember(schema, keyword) ?? '', message: 'is not a keyword of JSON Schema' };
    }
    const pattern = /error parsing regexp: (.+)/.exec(text)?.[1];
    if (pattern !== undefined) {
      return { path: '', message: `has a pattern that cannot be used: ${pattern} (RE2 syntax)` };
    }
    return { path: '', message: `is not a JSON Schema that can be used: ${text}` };
  }
};

/** The only references are `#/$defs/<name>`, they end somewhere, and what they unfold to is not too much. */
const faultOfReferences = (schema: JsonObject): FieldError | undefined => {
  const definitions = new Map(Object.entries(asObject(schema['$defs'])));
  const sizes = new Map<string, number>();
  const open = new Set<string>();

  const sizeOfDefinition = (name: string, path: string): number => {
    const known = sizes.get(name);
    if (known !== undefined) return known;
    if (!definitions.has(name)) throw new SchemaFault(path, `refers to "${name}", which is not in $defs`);
    if (open.has(name)) throw new SchemaFault(path, 'must not refer to itself');
    open.add(name);
    const size = places(definitions.get(name) ?? null, `.$defs.${name}`, 1);
    open.delete(name);
    sizes.set(name, size);
    return size;
  };
  const places = (part: JsonValue, path: string, depth: number): number => {
    if (depth > MAX_DEPTH) throw new SchemaFault(path, `must not be nested deeper than ${MAX_DEPTH} levels`);
    if (typeof part !== 'object' || part === null) return 1;
    let size = 1;
    for (const [name, member] of Object.entries(part)) {
      const where = `${path}.${name}`;
      if (REFUSED.includes(name)) throw new SchemaFault(where, 'is not allowed here');
      if (name === '$ref' && typeof member === 'string') {
        const definition = REFERENCE.exec(member)?.[1];
        if (definition === undefined) throw new SchemaFault(where, 'must be #/$defs/<name>');
        size += sizeOfDefinition(definition, where);
      } else size += places(member, where, depth + 1);
      if (size > MAX_PLACES) throw new SchemaFault(path, 'unfolds to too much');
    }
    return size;
  };

  try {
    places(schema, '', 0);
    return undefined;
  } catch (error) {
    if (error instanceof SchemaFault) return { path: error.path, message: error.message };
    throw error;
  }
};

class SchemaFault extends Error {
  override readonly name = 'SchemaFault';
  constructor(
    readonly path: string,
    message: string,
  ) {
    super(message);
  }
}

const asObject = (value: JsonValue | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};

/** Where an object first has a member of this name. */
const pathOfMember = (part: JsonValue, name: string): string | undefined => {
  if (typeof part !== 'object' || part === null) return undefined;
  const members = Object.entries(part);
  if (members.some(([member]) => member === name)) return `.${name}`;
  for (const [member, inner] of members) {
    const found = pathOfMember(inner, name);
    if (found !== undefined) return `.${member}${found}`;
  }
  return undefined;
};

const told = ({ instancePath, keyword, message, params }: ErrorObject): FieldError => {
  const path = instancePath
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');
  const given = params as Readonly<Record<string, unknown>>; // ajv gives every keyword its own
  switch (keyword) {
    case 'additionalProperties':
      return { path, message: `must not have "${String(given['additionalProperty'])}"` };
    case 'unevaluatedProperties':
      return { path, message: `must not have "${String(given['unevaluatedProperty'])}"` };
    case 'enum':
    case 'const': {
      const allowed = [given['allowedValues'] ?? [given['allowedValue']]].flat();
      return { path, message: `must be ${allowed.map((value) => JSON.stringify(value)).join(' or ')}` };
    }
    default:
      return { path, message: message ?? 'is not acceptable' };
  }
};
