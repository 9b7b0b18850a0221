import { describe, expect, it } from '@jest/globals';
import { breakingChanges } from './breaking-changes.js';
import type { JsonSchema } from './json-schema.js';

const event = (properties: Record<string, JsonSchema>, required: string[]): JsonSchema => ({
  $ref: '#/$defs/Event',
  $defs: {
    Event: { type: 'object', properties, required },
    Actor: {
      type: 'object',
      properties: { kind: { type: 'string', enum: ['user', 'device'] } },
      required: ['kind'],
    },
  },
});

const before = event(
  {
    id: { type: 'string' },
    note: { type: 'string' },
    tags: { type: 'array', items: { type: 'string' } },
    actor: { $ref: '#/$defs/Actor' },
  },
  ['id', 'actor'],
);

const after = (
  change: Record<string, JsonSchema>,
  required = ['id', 'actor'],
  without: readonly string[] = [],
): JsonSchema => {
  const { properties } = (before['$defs'] as Record<string, JsonSchema>)['Event'] ?? {};
  const kept = Object.entries({ ...properties, ...change }).filter(([name]) => !without.includes(name));
  return event(Object.fromEntries(kept), required);
};

describe('a published event', () => {
  it('may get an optional field, and a further value of a list', () => {
    expect(breakingChanges(before, before)).toEqual([]);
    expect(breakingChanges(before, after({ more: { type: 'integer' } }))).toEqual([]);
    const wider = JSON.parse(JSON.stringify(before).replace('"device"', '"device","campaign"')) as JsonSchema;
    expect(breakingChanges(before, wider)).toEqual([]);
  });

  it.each<[string, JsonSchema, string]>([
    ['a field is removed', after({}, undefined, ['note']), 'note is gone'],
    ['a type changes', after({ id: { type: 'integer' } }), 'id was string, is integer'],
    ['null comes in', after({ id: { type: ['string', 'null'] } }), 'id was string, is null or string'],
    [
      'items change',
      after({ tags: { type: 'array', items: { type: 'object' } } }),
      'tags[] was string, is object',
    ],
    ['a field becomes optional', after({}, ['actor']), 'id may be missing: readers rely on it'],
    [
      'a required field is added',
      after({ more: { type: 'string' } }, ['id', 'actor', 'more']),
      'more is required: events that were published before lack it',
    ],
    [
      'a rule is added',
      after({ id: { type: 'string', maxLength: 3 } }),
      'id has another maxLength: events that were published before may break it',
    ],
    [
      'something inside a reference changes',
      JSON.parse(JSON.stringify(before).replace('"user",', '')) as JsonSchema,
      'actor.kind may no longer be user',
    ],
  ])('needs a new version when %s', (_what, changed, told) => {
    expect(breakingChanges(before, changed)).toEqual([told]);
  });
});
