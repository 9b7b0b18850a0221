export type Count = { readonly passed: number; readonly failed: number };

export const addUp = (counts: readonly Count[]): Count => ({
  passed: counts.reduce((sum, { passed }) => sum + passed, 0),
  failed: counts.reduce((sum, { failed }) => sum + failed, 0),
});

type JestResult = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Suites that could not run at all: a broken import, an error outside a test. Their tests are not counted. */
  readonly numRuntimeErrorTestSuites: number;
};

/** Reads Jest's --json. Without a result, or with a bad exit code and no failed test, something failed all the same. */
export const countOfJest = (json: string, exitCode: number | null): Count => {
  const result = parse(json);
  if (result === undefined) return { passed: 0, failed: 1 };
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  return { passed: result.numPassedTests, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
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
