import { describe, expect, it } from '@jest/globals';
import { covered, DOTS, isSecretName } from './secret.js';

describe('a name', () => {
  it.each([
    ...[
      'token',
      'firmware_token',
      'firmwareToken',
      'wifiPassword',
      'wifi-password2',
      'PSK',
      'client_secret_id',
    ],
    ...['privateKey', 'api_key', 'apikey', 'desired.firmware_token'],
  ])('%s says that its value is secret', (name) => {
    expect(isSecretName(name)).toBe(true);
  });

  it.each(['setpoint', 'routing_key', 'key', 'token_expires_at', 'tokenizer', 'passwordless', '', '0'])(
    '"%s" does not',
    (name) => {
      expect(isSecretName(name)).toBe(false);
    },
  );
});

describe('a value', () => {
  it('is covered whole under a secret key, of whatever kind it is', () => {
    expect(covered('pin', 1234, (key) => key === 'pin')).toBe(DOTS);
    expect(covered('token', { a: 1 }, isSecretName)).toBe(DOTS);
  });

  it('is covered where it is secret within, however deep, and nowhere else', () => {
    expect(covered('wifi', [{ ssid: 'a', psk: 'b', of: { token: 'c' } }], isSecretName)).toBe(
      `[{"ssid":"a","psk":"${DOTS}","of":{"token":"${DOTS}"}}]`,
    );
  });

  it('with nothing secret in it is not covered', () => {
    expect(covered('mode', { token_expires_at: 5 }, isSecretName)).toBeUndefined();
    expect(covered('mode', undefined, isSecretName)).toBeUndefined();
  });

  it('that only says whether there is one is not covered', () => {
    expect(covered('password', null, isSecretName)).toBeUndefined();
    expect(covered('password', undefined, isSecretName)).toBeUndefined();
    expect(covered('wifi', { password: true }, isSecretName)).toBeUndefined();
  });
});
