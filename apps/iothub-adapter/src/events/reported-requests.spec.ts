import { expect, it } from '@jest/globals';
import { partlyTold, reportsOf } from './reported-requests.js';

it('reported properties are state, and what is in `muster` says what became of what the device was told', () => {
  expect(
    reportsOf({
      'a%2Eb': 1,
      gone: null,
      muster: {
        configuration: { configId: 'c1', statusCode: 200 },
        software: { configId: '1.2.0' },
        softwareOf: { radio: { configId: '7', statusCode: 507, reasonPhrase: 'full' } },
      },
    }),
  ).toEqual([
    { extension: 'cmx', path: ['state', 'json'], body: { 'a.b': 1, gone: null } },
    { extension: 'cmx', path: ['applied', 'json'], body: { configId: 'c1', statusCode: 200 } },
    { extension: 'cmx_ota', path: ['applied', 'json'], body: { configId: '1.2.0' } },
    {
      extension: 'cmx_ota',
      path: ['applied', 'json', 'radio'],
      body: { configId: '7', statusCode: 507, reasonPhrase: 'full' },
    },
  ]);
});

it('what is not there says nothing', () => {
  expect(reportsOf({ muster: null })).toEqual([]);
  expect(reportsOf({ muster: { configuration: null } })).toEqual([]);
});

it('a nested property is told in part', () => {
  expect(partlyTold({ a: 1, b: { c: 1 }, d: [{}], e: null })).toEqual(['b']);
});
