import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from './json.js';
import { runQuery } from './query.js';

const TWINS: readonly JsonObject[] = [
  {
    deviceId: 'c',
    status: 'enabled',
    tags: { house: 'rome', floor: 3 },
    properties: { reported: { on: true } },
  },
  { deviceId: 'a', status: 'disabled', tags: { house: 'paris', floor: 1 }, properties: { reported: {} } },
  { deviceId: 'b', status: 'enabled', properties: { reported: { 'a-b': "it's" } } },
];

const ids = (where: string): unknown[] =>
  runQuery(`SELECT * FROM devices WHERE ${where}`, TWINS, { maxRows: 10 }).rows.map(
    ({ deviceId }) => deviceId,
  );

describe('a query', () => {
  it.each<[string, string[]]>([
    ["tags.house = 'paris'", ['a']],
    ["devices.tags.house = 'paris'", ['a']],
    ['tags.floor >= 1 AND tags.floor < 3', ['a']],
    ["tags.house = 'paris' OR status = 'enabled' and tags.floor = 3", ['a', 'c']],
    ["NOT (tags.house = 'paris')", ['b', 'c']],
    ["tags.house != 'paris'", ['c']],
    ["deviceId IN ['a', 'b']", ['a', 'b']],
    ["deviceId NIN ['a', 'b']", ['c']],
    ['is_defined(tags.house)', ['a', 'c']],
    ["startswith(tags.house, 'ro')", ['c']],
    ['properties.reported.on = true', ['c']],
    ["properties.reported.a-b = 'it\\'s'", ['b']],
    ["properties.reported.[[a-b]] = 'it\\'s'", ['b']],
  ])('where %s', (where, expected) => {
    expect(ids(where)).toEqual(expected);
  });

  it('goes on after the last of the page before, also when that one is gone', () => {
    const first = runQuery('SELECT * FROM devices', TWINS, { maxRows: 2 });
    expect(first).toMatchObject({ continuation: 'b', itemType: 'Twin' });
    const rest = TWINS.filter(({ deviceId }) => deviceId !== 'b');
    const second = runQuery('SELECT * FROM devices', rest, { maxRows: 2, after: first.continuation });
    expect(second.rows.map(({ deviceId }) => deviceId)).toEqual(['c']);
    expect(second.continuation).toBeUndefined();
  });

  it('counts, and picks columns', () => {
    expect(runQuery('select COUNT() as n from devices', TWINS, { maxRows: 10 }).rows).toEqual([{ n: 3 }]);
    expect(runQuery('SELECT deviceId, tags.floor AS f FROM devices', TWINS, { maxRows: 10 })).toMatchObject({
      rows: [{ deviceId: 'a', f: 1 }, { deviceId: 'b' }, { deviceId: 'c', f: 3 }],
      itemType: 'Raw',
    });
  });

  it.each([
    'SELECT',
    'SELECT * FROM jobs',
    'SELECT * FROM devices WHERE',
    'SELECT * FROM devices WHERE a = ;',
  ])('that is not understood says where: %s', (text) => {
    expect(() => runQuery(text, TWINS, { maxRows: 10 })).toThrow(/not understood at/);
  });
});
