import { describe, expect, it } from '@jest/globals';
import { countOfJest, distPattern } from './test-count.js';

const result = (passed: number, failed: number, broken = 0) =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numRuntimeErrorTestSuites: broken });

describe('countOfJest', () => {
  it('counts tests, and a suite that could not run as one failed', () => {
    expect(countOfJest(result(3, 0), 0)).toEqual({ passed: 3, failed: 0 });
    expect(countOfJest(result(3, 1, 2), 1)).toEqual({ passed: 3, failed: 3 });
  });

  it('never takes a bad end for a good one', () => {
    expect(countOfJest(result(3, 0), 1)).toEqual({ passed: 3, failed: 1 });
    expect(countOfJest(result(3, 0), null)).toEqual({ passed: 3, failed: 1 });
    expect(countOfJest('', 0)).toEqual({ passed: 0, failed: 1 });
  });
});

describe('distPattern', () => {
  it('turns the path of a source into that of what is run', () => {
    expect(distPattern('libs/kp1/src/topic.spec.ts')).toBe('libs/kp1/dist/src/topic.spec');
    expect(distPattern('libs/kp1/src')).toBe('libs/kp1/dist/src');
    expect(distPattern('libs/kp1/dist/src/topic.spec.js')).toBe('libs/kp1/dist/src/topic.spec.js');
    expect(distPattern('topic')).toBe('topic');
  });
});
