import { describe, expect, it } from '@jest/globals';
import { readConnectionString } from './connection-string.js';

const read = (text: string) => readConnectionString(text, 'hub.connectionString');
const KEY = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';

describe('a connection string', () => {
  it('is read as the portal shows it, in any order and case of names', () => {
    const access = { hostName: 'factory.azure-devices.net', policy: 'iothubowner', key: KEY };
    expect(
      read(`HostName=factory.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=${KEY}`),
    ).toEqual(access);
    expect(
      read(` sharedaccesskey=${KEY};sharedaccesskeyname=iothubowner;hostname=Factory.azure-devices.net; `),
    ).toEqual(access);
  });

  it.each([
    ['nothing', 'must be pairs of name=value'],
    ['', 'must name a HostName'],
    [`SharedAccessKeyName=a;SharedAccessKey=${KEY}`, 'must name a HostName'],
    [`HostName=https://factory;SharedAccessKeyName=a;SharedAccessKey=${KEY}`, 'that is a host name'],
    [`HostName=factory:port;SharedAccessKeyName=a;SharedAccessKey=${KEY}`, 'that is a host name'],
    [`HostName=factory;SharedAccessKey=${KEY}`, 'must name a SharedAccessKeyName'],
    ['HostName=factory;SharedAccessKeyName=a', 'must name a SharedAccessKey'],
    ['HostName=factory;SharedAccessKeyName=a;SharedAccessKey=not!base64', 'that is base64'],
    [`HostName=factory;DeviceId=one;SharedAccessKey=${KEY}`, "and not a device's"],
  ])('that is wrong is told what is wrong with it: %s', (text, rule) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: 'invalid-request', detail: expect.stringContaining(rule) as unknown }),
    );
  });

  it('is never repeated in what is said of it', () => {
    const secret = 'c2VjcmV0IGtleSBvZiBodWI';
    try {
      read(`HostName=factory;SharedAccessKeyName=a;SharedAccessKey=${secret}`);
    } catch (error) {
      expect(JSON.stringify(error)).not.toContain(secret);
      expect(String(error)).not.toContain(secret);
      return;
    }
    throw new Error('was read');
  });
});
