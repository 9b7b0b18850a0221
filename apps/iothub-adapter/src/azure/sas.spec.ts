import { expect, it } from '@jest/globals';
import { sasToken, Signature } from './sas.js';

/** Made by `az iot hub generate-sas-token`'s recipe with OpenSSL: printf '%s' | openssl dgst -sha256 -mac HMAC -macopt hexkey:… */
it('a signature is over the encoded resource and the end, by the decoded key', () => {
  const key = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');
  expect(
    sasToken({
      resource: 'factory.azure-devices.net/devices/a b',
      key,
      policy: 'pol+icy',
      until: 1_900_000_000,
    }),
  ).toBe(
    'SharedAccessSignature sr=factory.azure-devices.net%2Fdevices%2Fa%20b&sig=axaT6vlLQzbm7jc1NTliRrLwmla8pr85wu7X8UmFCqs%3D&se=1900000000&skn=pol%2Bicy',
  );
});

it('one that is used ends ten minutes later at the earliest, and is otherwise the same for long', () => {
  const signature = new Signature({ resource: 'factory.azure-devices.net', key: 'a2V5', policy: 'muster' });
  const endOf = (token: string): number => Number(/&se=(\d+)/.exec(token)?.[1]);
  const begin = 1_900_000_000;
  const used = new Set<string>();
  for (let now = begin; now < begin + 7_200; now += 1) {
    const token = signature.at(now);
    used.add(token);
    expect(endOf(token) - now).toBeGreaterThan(600);
  }
  expect(used.size).toBe(3);
});
