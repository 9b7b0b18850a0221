import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { deviceAsyncApi } from '@muster/kp1';

describe('docs/asyncapi-devices.json', () => {
  it('is up to date: run `node apps/mqtt-adapter/dist/src/write-asyncapi.js`', () => {
    const file = join(import.meta.dirname, '../../../../docs/asyncapi-devices.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(deviceAsyncApi())));
  });
});
