import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from '@jest/globals';

const docs = resolve(import.meta.dirname, '../../../../docs');
const [, section = ''] = readFileSync(resolve(docs, 'iot-hub.md'), 'utf8').split('## What is shown where');
const [table = ''] = section.split('\n## ');
const named = [...table.matchAll(/\[[^\]]+\]\((?<file>[^)]+\.spec\.ts)\): (?<title>[^|]+)/g)].map(
  ({ groups }) => [groups?.['file'] ?? '', groups?.['title']?.trim() ?? ''] as const,
);

it('the matrix of interfaces names a spec for each of them', () => {
  expect(named.length).toBeGreaterThan(25);
});

it.each(named)('%s has the spec that the matrix of interfaces names: %s', (file, title) => {
  expect(readFileSync(resolve(docs, file), 'utf8')).toContain(`'${title}'`);
});
