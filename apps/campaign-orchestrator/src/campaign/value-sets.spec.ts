import { describe, expect, it } from '@jest/globals';
import { AppError, type JsonValue } from '@muster/contracts';
import { assertValueSets, type ValueSets } from './value-sets.js';

const refusal = (sets: Partial<ValueSets>) => {
  try {
    assertValueSets({ configurations: {}, expectedStates: {}, ...sets }, 100);
  } catch (error) {
    if (error instanceof AppError)
      return { code: error.code, paths: (error.errors ?? []).map(({ path }) => path) };
    throw error;
  }
  return undefined;
};
const nested = (levels: number): JsonValue => (levels === 0 ? 1 : { a: nested(levels - 1) });

describe('sets of values', () => {
  it('are taken as configuration takes them', () => {
    const own = JSON.parse('{"__proto__": 1, "constructor": 2}') as Record<string, JsonValue>;
    expect(refusal({ configurations: { ...own, a: null }, expectedStates: own })).toBeUndefined();
  });

  it('are refused with every key and value that no device could have', () => {
    const wrong = { '': 1, 'a.b': 1, $a: 1, 'a b': 1, status: 1, ['k'.repeat(256)]: 1, deep: nested(33) };
    for (const set of ['configurations', 'expectedStates'] as const)
      expect(refusal({ [set]: wrong })).toEqual({
        code: 'invalid-configuration',
        paths: Object.keys(wrong).map((key) => `${set}.${key}`),
      });
    expect(refusal({ expectedStates: { a: null } })?.paths).toEqual(['expectedStates.a']);
    expect(refusal({ configurations: { 'a\0': 1 } })?.paths).toEqual(['configurations.a\ufffd']);
  });

  it('are refused where they are too large, each by itself', () => {
    const large = { a: 'x'.repeat(93) };
    expect(refusal({ configurations: large })?.code).toBe('configuration-too-large');
    expect(refusal({ expectedStates: large })?.code).toBe('configuration-too-large');
    const half = { a: 'x'.repeat(92) };
    expect(refusal({ configurations: half, expectedStates: half })).toBeUndefined();
  });
});
