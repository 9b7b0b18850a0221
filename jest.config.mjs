/**
 * Tests run on what ships: the compiled JavaScript in dist, as ES modules, with no transform. Failures point at the
 * TypeScript line through tsc's source maps. Five projects by suffix: see CONTRIBUTING.md.
 */
const project = (displayName, testRegex, extra = {}) => ({
  displayName,
  rootDir: import.meta.dirname,
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/tools'],
  modulePathIgnorePatterns: ['<rootDir>/.muster/', '<rootDir>/.nx/', '/fixtures/'],
  testRegex,
  testEnvironment: '<rootDir>/libs/testing/dist/src/spec-environment.js',
  transform: {},
  setupFiles: ['<rootDir>/node_modules/source-map-support/register.js'],
  ...extra,
});

export default {
  projects: [
    project('unit', ['/dist/(?:(?!\\.(?:int|e2e|pods|compose)\\.spec).)*\\.spec\\.js$']),
    project('int', ['/dist/.*\\.int\\.spec\\.js$']),
    project('e2e', ['/dist/.*\\.e2e\\.spec\\.js$']),
    project('pods', ['/dist/.*\\.pods\\.spec\\.js$']),
    project('compose', ['/dist/.*\\.compose\\.spec\\.js$']),
  ],
  testSequencer: '<rootDir>/tools/longest-first.mjs',
  maxWorkers: 2,
  testTimeout: 30_000,
};
