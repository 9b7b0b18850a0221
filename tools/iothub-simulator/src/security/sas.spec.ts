import { describe, expect, it } from '@jest/globals';
import { authorizePolicy, covers } from './authorize.js';
import { Policies } from './policies.js';
import { isSignedBy, makeSasToken, parseSasToken } from './sas.js';

const KEY = Buffer.from('0123456789abcdef').toString('base64');
const OTHER = Buffer.from('fedcba9876543210').toString('base64');
const policies = new Policies(() => KEY, { service: { primaryKey: OTHER, secondaryKey: KEY } });
const context = { policies, hostNames: new Set(['hub.example']), now: 1_000 };

describe('a shared access signature', () => {
  it('is read back, and held against the key that it was signed with', () => {
    const token = makeSasToken('hub.example/devices/d1', KEY, 1_735_689_600_000);
    expect(token).toMatch(/^SharedAccessSignature sr=hub\.example%2Fdevices%2Fd1&sig=\S+&se=1735689600$/);
    const parsed = parseSasToken(token);
    expect(parsed).toMatchObject({ resource: 'hub.example/devices/d1', expiresAt: 1_735_689_600_000 });
    expect(parsed && isSignedBy(parsed, KEY, 'decodedKey')).toBe(true);
    expect(parsed && isSignedBy(parsed, OTHER, 'decodedKey')).toBe(false);
  });

  it('is another one for Event Hubs, with the same key', () => {
    const parsed = parseSasToken(makeSasToken('sb://hub.example/eh', KEY, 5_000, 'service', 'keyText'));
    expect(parsed && isSignedBy(parsed, KEY, 'keyText')).toBe(true);
    expect(parsed && isSignedBy(parsed, KEY, 'decodedKey')).toBe(false);
  });

  it.each(['', 'Bearer x', 'SharedAccessSignature sr=a&sig=b', 'SharedAccessSignature sr=%&sig=b&se=1'])(
    'cannot be read from %j',
    (text) => {
      expect(parseSasToken(text)).toBeUndefined();
    },
  );
});

describe('a policy', () => {
  it('opens with either key, until the token is over', () => {
    const token = makeSasToken('hub.example', KEY, 5_000, 'service');
    expect(authorizePolicy(token, context)).toMatchObject({ policy: 'service', rights: ['ServiceConnect'] });
    expect(authorizePolicy(token, { ...context, now: 5_000 })).toBeUndefined();
  });

  it('opens nothing for another hub, with an unknown name, or with the signature of the other service', () => {
    expect(authorizePolicy(makeSasToken('other.example', KEY, 5_000, 'service'), context)).toBeUndefined();
    expect(authorizePolicy(makeSasToken('hub.example', KEY, 5_000, 'nobody'), context)).toBeUndefined();
    expect(authorizePolicy(makeSasToken('hub.example', KEY, 5_000), context)).toBeUndefined();
    expect(
      authorizePolicy(makeSasToken('hub.example', KEY, 5_000, 'service', 'keyText'), context),
    ).toBeUndefined();
    expect(
      authorizePolicy(makeSasToken('sb://hub.example/eh', KEY, 5_000, 'service'), context),
    ).toBeUndefined();
  });
});

describe('a resource', () => {
  it.each<[string, string, boolean]>([
    ['hub', 'devices/d1', true],
    ['hub/devices/d1', 'devices/d1', true],
    ['hub/devices/d1', 'devices/d12', false],
    ['hub/devices/d1', 'twins/d1', false],
    ['sb://hub/eh/ConsumerGroups/$Default/Partitions/0', 'eh/consumergroups/$default/partitions/0', true],
    ['sb://hub/eh', 'eh/ConsumerGroups/$Default/Partitions/0', true],
  ])('%s reaches %s: %s', (resource, path, expected) => {
    expect(covers({ resource }, path)).toBe(expected);
  });
});
