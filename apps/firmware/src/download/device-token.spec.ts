import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import { grantIn, signed } from './device-token.js';

const key = randomBytes(32);
const opened = { tenantId: 'default', firmwareId: newId() };
const grant = { deviceId: newId(), revocation: 41, expiresAt: 1_795_868_948 };
const token = signed(key, opened, grant);

describe('the token of a device', () => {
  it('says whose it is, and fits where tokens are shown', () => {
    expect(grantIn(key, opened, token)).toEqual(grant);
    expect(token).toMatch(/^[\w.-]+$/);
    expect(signed(key, opened, { ...grant, deviceId: 'x'.repeat(64) }).length).toBeLessThanOrEqual(128);
  });

  it('is for one tenant and one firmware', () => {
    expect(grantIn(key, { ...opened, firmwareId: newId() }, token)).toBeUndefined();
    expect(grantIn(key, { ...opened, tenantId: 'other' }, token)).toBeUndefined();
  });

  it('cannot be changed in any character, nor made without the key', () => {
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === '0' ? '1' : '0';
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      expect(grantIn(key, opened, changed)).toBeUndefined();
    }
    expect(grantIn(key, opened, signed(randomBytes(32), opened, grant))).toBeUndefined();
    for (const none of ['', '....', `${token}=`, `${token} `]) {
      expect(grantIn(key, opened, none)).toBeUndefined();
    }
  });
});
