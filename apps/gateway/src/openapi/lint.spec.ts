import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { OPENAPI } from './generated-files.js';

/** Besides those that Redocly recommends. */
const RULES = {
  'component-name-unique': 'error',
  // Whole words: targets has no get.
  'no-http-verbs-in-paths': { severity: 'error', splitIntoWords: true },
  'no-invalid-parameter-examples': 'error',
  'no-invalid-schema-examples': 'error',
  'operation-singular-tag': 'error',
  'operation-tag-defined': 'error',
  'paths-kebab-case': 'error',
  'spec-strict-refs': 'error',
  'tag-description': 'error',
} as const;

describe('docs/openapi.json', () => {
  it('passes the recommended rules of a linter, its examples their schemas', async () => {
    const config = await createConfig({ extends: ['recommended'], rules: RULES });
    const problems = await lintFromString({
      source: readFileSync(OPENAPI, 'utf8'),
      absoluteRef: OPENAPI,
      config,
    });
    const lines = problems.map(
      ({ severity, ruleId, message, location: [place] }) =>
        `${severity} ${ruleId} at ${place?.pointer ?? ''}: ${message}`,
    );
    expect(lines).toEqual([]);
  });
});
