import { relative } from 'node:path';

export type Count = {
  readonly passed: number;
  readonly failed: number;
  /** What failed, as people look for it. */
  readonly failures: readonly string[];
};

export const PASSED: Count = { passed: 1, failed: 0, failures: [] };
export const failure = (what: string): Count => ({ passed: 0, failed: 1, failures: [what] });

export const addUp = (counts: readonly Count[]): Count => ({
  passed: counts.reduce((sum, { passed }) => sum + passed, 0),
  failed: counts.reduce((sum, { failed }) => sum + failed, 0),
  failures: counts.flatMap(({ failures }) => failures),
});

type JestResult = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Suites that could not run at all: a broken import, an error outside a test. Their tests are not counted. */
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly {
    /** Path of the file. */
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
};

/** Reads Jest's --json. Without a result, or with a bad exit code and no failed test, something failed all the same. */
export const countOfJest = (what: string, json: string, exitCode: number | null, root: string): Count => {
  const result = parse(json);
  if (result === undefined) return failure(`${what}: Jest left no result`);
  const passed = result.numPassedTests;
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  if (failed === 0 && exitCode !== 0) {
    return { passed, failed: 1, failures: [`${what}: Jest did not end well`] };
  }
  const failures = result.testResults.flatMap((file) => failuresOf(file, root));
  // A spec whose tests failed and that left something open besides: Jest does not say which.
  const unnamed = failed - failures.length;
  if (unnamed > 0) failures.push(`${what}: ${unnamed} more outside of a test`);
  return { passed, failed, failures };
};

const failuresOf = (
  { name, status, assertionResults }: JestResult['testResults'][number],
  root: string,
): string[] => {
  const path = relative(root, name);
  const tests = assertionResults.filter((test) => test.status === 'failed');
  if (tests.length > 0) return tests.map(({ fullName }) => `${path}: ${fullName}`);
  return status === 'failed' ? [`${path}: outside of a test`] : [];
};

const parse = (json: string): JestResult | undefined => {
  try {
    return JSON.parse(json) as JestResult; // Jest's own file
  } catch {
    return undefined;
  }
};

/** `libs/x/src/y.spec.ts`, as a developer's shell completes it, becomes a pattern for what Jest sees: `libs/x/dist/src/y.spec`. */
export const distPattern = (path: string): string =>
  path.replace(/\.tsx?$/, '').replace(/(?<!dist\/)(?<=^|\/)src(?=\/|$)/, 'dist/src');
