import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { EXAMPLES } from './examples.js';
import { CLIENT_TYPES, OPENAPI, sourceLine } from './generated-files.js';
import { generatedOpenApi } from './generated-openapi.js';

const text = readFileSync(OPENAPI, 'utf8');
const committed: unknown = JSON.parse(text);

interface Media {
  readonly example?: unknown;
}

interface Content {
  readonly 'application/json'?: Media;
  readonly 'application/problem+json'?: Media;
}

/** As far as the specs look into it. */
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly content?: Content; readonly headers?: Readonly<Record<string, unknown>> }>
  >;
}

describe('docs/openapi.json', () => {
  let generated: Awaited<ReturnType<typeof generatedOpenApi>>;
  beforeAll(async () => {
    generated = await generatedOpenApi();
  });

  it('is up to date: run `node apps/gateway/dist/src/openapi/write-openapi.js`', () => {
    expect(JSON.parse(JSON.stringify(generated))).toEqual(committed);
  });

  it('refers only to schemas it has', () => {
    const refs = JSON.stringify(generated).match(/#\/components\/schemas\/\w+/g) ?? [];
    const known = Object.keys(generated.components?.schemas ?? {}).map(
      (name) => `#/components/schemas/${name}`,
    );
    expect(refs.filter((ref) => !known.includes(ref))).toEqual([]);
  });

  it('says of each operation what it answers and which errors it knows', () => {
    const device = generated.paths['/api/v1/devices']?.post;
    expect(Object.keys(device?.responses ?? {})).toEqual(
      expect.arrayContaining(['201', '400', '401', '404', '409', '413', '415', '422', '503', '504']),
    );
    expect(generated.components?.schemas?.['DeviceInput']).toMatchObject({
      required: ['deviceType', 'name'],
    });
  });

  describe('has for every operation', () => {
    const operations = (): readonly Operation[] =>
      Object.values(generated.paths).flatMap((item) => Object.values(item) as Operation[]);
    const names = (found: readonly Operation[]): readonly string[] =>
      found.map(({ operationId }) => operationId);

    it('an example of what it takes and of what it answers: see examples.ts', () => {
      const without = operations().filter(({ requestBody, responses }) => {
        const media = [
          ...Object.values<Media>({ ...requestBody?.content }),
          ...Object.entries(responses)
            .filter(([status]) => status.startsWith('2'))
            .map(([, { content }]) => content?.['application/json'])
            .filter((one) => one !== undefined),
        ];
        return media.some(({ example }) => example === undefined);
      });
      expect(names(without)).toEqual([]);
    });

    it('and no example for one that is not there', () => {
      expect(Object.keys(EXAMPLES).filter((name) => !names(operations()).includes(name))).toEqual([]);
    });

    it('a problem for every error, and says when to try again', () => {
      for (const { operationId, responses } of operations()) {
        for (const [status, { content, headers }] of Object.entries(responses)) {
          const where = `${operationId} ${status}`;
          if (Number(status) >= 400) expect([where, content]).toEqual([where, WITH_PROBLEM]);
          if (['429', '503'].includes(status)) expect([where, headers]).toEqual([where, WITH_RETRY_AFTER]);
        }
        expect([operationId, ...Object.keys(responses)]).toEqual(
          expect.arrayContaining(['400', '401', '429', '500', '503', '504']),
        );
      }
    });

    it('one way to page, where it lists: limit and cursor, count and total, items and nextCursor', () => {
      const schemas = generated.components?.schemas as Readonly<Record<string, Schema>>;
      const refOf = ({ responses }: Operation): Schema | undefined => {
        const media = responses['200']?.content?.['application/json'] as { schema?: { $ref?: string } };
        return schemas[media.schema?.$ref?.split('/').at(-1) ?? ''];
      };
      // A history is not counted: it is read as far as somebody looks.
      const lists = operations().filter(
        ({ operationId }) =>
          (operationId.startsWith('list') || operationId === 'getLatestTelemetry') &&
          operationId !== 'listConfigurationHistory',
      );
      expect(lists.length).toBeGreaterThan(10);
      for (const list of lists) {
        const query = list.parameters?.filter((one) => one.in === 'query').map(({ name }) => name);
        expect([list.operationId, query]).toEqual([
          list.operationId,
          expect.arrayContaining(['limit', 'cursor', 'count']),
        ]);
        // How old what is followed from other services' events may be is said beside the page.
        const told = Object.keys(refOf(list)?.properties ?? {}).filter((name) => !name.startsWith('state'));
        expect([list.operationId, told.sort()]).toEqual([list.operationId, ['items', 'nextCursor', 'total']]);
      }
    });
  });
});

describe('the types of libs/api-client', () => {
  it('are those of docs/openapi.json: run `node apps/gateway/dist/src/openapi/write-openapi.js`', () => {
    const [firstLine] = readFileSync(CLIENT_TYPES, 'utf8').split('\n', 1);
    expect(firstLine).toBe(sourceLine(text));
  });
});

interface Schema {
  readonly properties?: Readonly<Record<string, unknown>>;
}

const WITH_PROBLEM: unknown = { 'application/problem+json': expect.anything() };
const WITH_RETRY_AFTER: unknown = expect.objectContaining({ 'Retry-After': expect.anything() });
