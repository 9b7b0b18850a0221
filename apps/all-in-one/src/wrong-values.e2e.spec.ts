import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type ApiAnswer, type Platform } from '@muster/testing';

/** A wrong value for each parameter and each field of the REST API, as its document has them: refused in words that name it. */

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: Schema }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema; readonly example?: unknown }>>;
  };
}

const document = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../../docs/openapi.json'), 'utf8'),
) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    path: path.replace('/api/v1', ''),
    method: method.toUpperCase(),
    ...operation,
  })),
);

const resolved = (schema: Schema): Schema =>
  schema.$ref === undefined
    ? schema
    : resolved(document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
}, 60_000);

afterAll(async () => {
  await platform.stop();
});

/** A thing that is not there: what is wrong with the rest is told all the same. */
const NOBODY = '01900000-0000-7000-8000-000000000000';
const addressOf = (path: string): string => path.replaceAll('{index}', '1').replaceAll(/\{\w+\}/g, NOBODY);
/** Text would be sent as it is. */
const bodyOf = ({ requestBody }: Pick<Operation, 'requestBody'>): unknown => {
  const example = requestBody?.content['application/json']?.example;
  return typeof example === 'string' ? JSON.stringify(example) : example;
};

/** Undefined: refused as it should be, with a fault of this name. */
const faultIn = ({ status, headers, body }: ApiAnswer, name: string): string | undefined => {
  const { detail = '', errors = [] } = (body ?? {}) as {
    readonly detail?: string;
    readonly errors?: readonly { readonly path: string; readonly message: string }[];
  };
  const named = errors.some(({ path }) => path === name || path.startsWith(`${name}.`));
  const isWell =
    status === 400 &&
    headers.get('content-type')?.startsWith('application/problem+json') === true &&
    named &&
    !/undefined|NaN|\[object|regular expression|^The body/.test(detail);
  return isWell ? undefined : `${status} ${JSON.stringify(body)}`;
};

const INSTANTS = ['yesterday', '2026-02-30T00:00:00Z', '2026-11-28T12:28:30', ''];

/** Values that break the rules of a schema, as text in an address. */
const wrongTexts = (schema: Schema): readonly string[] => {
  const { type, minimum, maximum, minLength, maxLength = Infinity, pattern, items, format } = schema;
  if (type === 'integer') {
    const beyond = [
      minimum === undefined ? [] : minimum - 1,
      maximum === undefined ? [] : maximum + 1,
    ].flat();
    return ['x', '1.5', '0x1', '1e1', ' 1', '', '9'.repeat(30), ...beyond.map(String)];
  }
  if (type === 'boolean') return ['yes', '1', 'TRUE', ''];
  return [
    ...((schema.enum ?? items?.enum) === undefined ? [] : ['nope']),
    ...(format === 'date-time' ? INSTANTS : []),
    ...(maxLength < 5_000 ? ['x'.repeat(maxLength + 1)] : []),
    ...(minLength === undefined ? [] : ['']),
    ...(pattern === undefined ? [] : ['a b#']),
  ];
};

/** The same as JSON. */
const wrongValues = (schema: Schema): readonly unknown[] => {
  const {
    type,
    minimum,
    maximum,
    minLength,
    maxLength = Infinity,
    maxItems,
    items,
    format,
  } = resolved(schema);
  const [kind, ...others] = [type ?? []].flat().filter((one) => one !== 'null');
  // Nothing is wrong where anything is right.
  if (others.length > 0) return [];
  switch (kind) {
    case 'integer':
    case 'number':
      return [
        ...['1', true, {}, []],
        ...(minimum === undefined ? [] : [minimum - 1]),
        ...(maximum === undefined ? [] : [maximum + 1]),
      ];
    case 'boolean':
      return ['true', 1, {}];
    case 'array':
      return [
        ...['x', {}, 5, [null]],
        ...wrongValues(items ?? {})
          .slice(0, 1)
          .map((item) => [item]),
        ...(maxItems === undefined ? [] : [Array.from({ length: maxItems + 1 }, (_none, nth) => `x${nth}`)]),
      ];
    case 'object':
      return ['x', [], 5];
    case 'string':
      return [
        ...[5, {}, [], true],
        ...(resolved(schema).enum === undefined ? [] : ['nope']),
        ...(format === 'date-time' ? INSTANTS : []),
        ...(maxLength < 5_000 ? ['x'.repeat(maxLength + 1)] : []),
        ...(minLength === undefined ? [] : ['']),
      ];
    case undefined:
    default:
      return [];
  }
};

type Path = readonly string[];

/** Every field of a body, in whatever depth; of a list its first item. */
const fieldsOf = (schema: Schema, path: Path = []): readonly { path: Path; schema: Schema }[] => {
  if (path.length > 6) return [];
  const { properties = {}, items } = resolved(schema);
  return [
    ...Object.entries(properties).flatMap(([name, field]) => [
      { path: [...path, name], schema: field },
      ...fieldsOf(field, [...path, name]),
    ]),
    ...(items === undefined || resolved(items).properties === undefined
      ? []
      : fieldsOf(items, [...path, '0'])),
  ];
};

/** `body` with this value there; what is missing on the way is made. */
const withValue = (body: unknown, [name = '', ...rest]: Path, value: unknown): unknown => {
  const copy: unknown = Array.isArray(body) ? [...(body as unknown[])] : { ...(body as object) };
  const holder = (name === '0' && !Array.isArray(copy) ? [] : copy) as Record<string, unknown>;
  holder[name] = rest.length === 0 ? value : withValue(holder[name], rest, value);
  return holder;
};

describe('a wrong value', () => {
  it('in the query is refused, and so is what no operation has', async () => {
    const faults: string[] = [];
    for (const operation of operations) {
      const { method, path, parameters = [] } = operation;
      const ask = async (name: string, value: string): Promise<void> => {
        const address = `${addressOf(path)}?${name}=${encodeURIComponent(value)}`;
        const fault = faultIn(await platform.api(method, address, bodyOf(operation)), name);
        if (fault !== undefined) faults.push(`${method} ${address}: ${fault}`);
      };
      await ask('nonsense', '1');
      for (const { name, schema } of parameters.filter((parameter) => parameter.in === 'query'))
        for (const value of wrongTexts(resolved(schema))) await ask(name, value);
    }
    expect(faults).toEqual([]);
  }, 120_000);

  it('in the path is refused, and is told as no other', async () => {
    const faults: string[] = [];
    for (const { method, path, requestBody } of operations) {
      const at = path.replaceAll(/\{\w+\}/g, 'x'.repeat(2_000));
      if (at === path) continue;
      const { status, body } = await platform.api(method, at, bodyOf({ requestBody }));
      if ((status !== 400 && status !== 404) || JSON.stringify(body).includes('The body'))
        faults.push(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    }
    expect(faults).toEqual([]);
    for (const index of ['x', '1.5', '0x1', '1e1', '0', '101', '-1', '%20']) {
      const answer = await platform.api('POST', `/campaigns/${NOBODY}/batches/${index}/release`);
      expect([index, faultIn(answer, 'index')]).toEqual([index, undefined]);
    }
  });

  it('in the body is refused, and so is what no operation has', async () => {
    const faults: string[] = [];
    for (const operation of operations) {
      const { method, path, requestBody } = operation;
      const schema = requestBody?.content['application/json']?.schema;
      // A file is read as it comes.
      if (schema === undefined && requestBody !== undefined) continue;
      const ask = async (at: Path, value: unknown): Promise<void> => {
        const body = withValue(bodyOf(operation), at, value);
        const fault = faultIn(await platform.api(method, addressOf(path), body), at.join('.'));
        if (fault === undefined) return;
        faults.push(`${method} ${path} ${at.join('.')}=${JSON.stringify(value).slice(0, 50)}: ${fault}`);
      };
      const fields = fieldsOf(schema ?? {});
      if (schema === undefined ? method !== 'GET' : fields.length > 0) await ask(['nonsense'], 1);
      for (const { path: at, schema: field } of fields) {
        for (const value of wrongValues(field)) await ask(at, value);
        if (resolved(field).properties !== undefined) await ask([...at, 'nonsense'], 1);
      }
    }
    expect(faults).toEqual([]);
  }, 120_000);
});
