import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { configTable } from '@muster/observability';
import { configSchema } from './config.js';

it('the README lists every key of the configuration, as it is', () => {
  const plain = (text: string): string => text.replaceAll(/[ -]+/g, ' ');
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
  expect(plain(readme)).toContain(plain(configTable(configSchema)));
});
