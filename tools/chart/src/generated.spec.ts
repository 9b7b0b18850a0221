import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { generatedFiles } from './generated.js';

const plain = (text: string): string => text.replaceAll(/[ -]+/g, ' ');

it('what is generated is as it was written: else run node tools/chart/dist/src/write-generated.js', async () => {
  for (const { path, text } of await generatedFiles())
    expect({ path, text: plain(readFileSync(path, 'utf8')) }).toEqual({ path, text: plain(text) });
});
