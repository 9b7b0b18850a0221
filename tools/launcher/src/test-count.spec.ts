import { describe, expect, it } from '@jest/globals';
import { countOfJest, distPattern } from './test-count.js';

const PASSES = {
  name: '/here/apps/a.spec.js',
  status: 'passed',
  assertionResults: [{ status: 'passed', fullName: 'a works' }],
};
const FAILS = {
  name: '/here/apps/b.spec.js',
  status: 'failed',
  assertionResults: [
    { status: 'passed', fullName: 'b works' },
    { status: 'failed', fullName: 'b breaks' },
  ],
};
const BROKEN = { name: '/here/apps/c.spec.js', status: 'failed', assertionResults: [] };

const result = (...testResults: readonly (typeof PASSES)[]) => {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  return JSON.stringify({
    numPassedTests: tests.filter(({ status }) => status === 'passed').length,
    numFailedTests: tests.filter(({ status }) => status === 'failed').length,
    numRuntimeErrorTestSuites: testResults.filter(({ assertionResults }) => assertionResults.length === 0)
      .length,
    testResults,
  });
};

describe('countOfJest', () => {
  it('counts tests, and a suite that could not run as one failed, and names what failed', () => {
    expect(countOfJest('end to end', result(PASSES), 0, '/here')).toEqual({
      passed: 1,
      failed: 0,
      failures: [],
    });
    expect(countOfJest('end to end', result(PASSES, FAILS, BROKEN), 1, '/here')).toEqual({
      passed: 2,
      failed: 2,
      failures: ['apps/b.spec.js: b breaks', 'apps/c.spec.js: outside of a test'],
    });
  });

  it('says of what it cannot name that it is there', () => {
    const both = JSON.stringify({ ...(JSON.parse(result(FAILS)) as object), numRuntimeErrorTestSuites: 1 });
    expect(countOfJest('end to end', both, 1, '/here')).toEqual({
      passed: 1,
      failed: 2,
      failures: ['apps/b.spec.js: b breaks', 'end to end: 1 more outside of a test'],
    });
  });

  it('never takes a bad end for a good one', () => {
    const notWell = { passed: 1, failed: 1, failures: ['end to end: Jest did not end well'] };
    expect(countOfJest('end to end', result(PASSES), 1, '/here')).toEqual(notWell);
    expect(countOfJest('end to end', result(PASSES), null, '/here')).toEqual(notWell);
    expect(countOfJest('end to end', '', 0, '/here')).toEqual({
      passed: 0,
      failed: 1,
      failures: ['end to end: Jest left no result'],
    });
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
