// Before `@peculiar/x509`, which asks for it.
import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { Extension, KeyUsageFlags } from '@peculiar/x509';
import { verifyChain } from './certificate-chain.js';
import { assertAuthority, readCertificate } from './certificate.js';
import { make, makeAuthority, makeOf, type Made } from './certificates.fixture.js';
import { subjectOf } from './subject.js';

const now = new Date().toISOString();
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

const verified = (chain: readonly Made[], authorities: readonly Made[]) =>
  verifyChain(
    chain.map(({ pem }) => readCertificate(pem)),
    authorities.map((one) => ({ ...one, certificate: readCertificate(one.pem) })),
    now,
  );
/** The name of the authority that vouches, or why nobody does. */
const verdict = (chain: readonly Made[], authorities: readonly Made[]): string => {
  try {
    return verified(chain, authorities).authority.name;
  } catch (error) {
    if (error instanceof AppError) return `${error.code}: ${error.detail}`;
    throw error;
  }
};

describe('a chain of certificates', () => {
  it('is vouched for by who has signed it', async () => {
    const [one, other] = [await makeAuthority('one'), await makeAuthority('other')];
    expect(verdict([await makeOf(other, 'd1')], [one, other])).toBe('CN=other');
    expect(verdict([await makeOf(other, 'd1', { extendedKeyUsage: [CLIENT_AUTH] })], [one, other])).toBe(
      'CN=other',
    );
  });

  it('may have others between, in whatever order, and more than is needed', async () => {
    const root = await makeAuthority('root');
    const middle = await makeAuthority('middle', { by: root });
    const low = await makeAuthority('low', { by: middle });
    const own = await makeOf(low, 'd1');
    expect(verdict([own, low, middle, root], [root])).toBe('CN=root');
    expect(verdict([own, root, middle, low], [root])).toBe('CN=root');
    // Who is registered is enough, whoever is above it.
    expect(verdict([own, low], [middle])).toBe('CN=middle');
    expect(verdict([own], [root])).toMatch(/^certificate-untrusted: No authority/);
  });

  it('is refused where a rogue key has the name, the serial number and the key identifier of the authority', async () => {
    const authority = await makeAuthority('one', { serialNumber: '01' });
    const rogue = await makeAuthority('one', { serialNumber: '01' });
    expect(verdict([await makeOf(rogue, 'd1')], [authority])).toMatch(
      /^certificate-untrusted: The certificate names an authority that has not signed it/,
    );
    // Also when it brings its own root along.
    expect(verdict([await makeOf(rogue, 'd1'), rogue], [authority])).toMatch(/^certificate-untrusted/);
  });

  it("is refused where a device's certificate was signed by another device", async () => {
    const authority = await makeAuthority('one');
    const device = await makeOf(authority, 'd1');
    expect(verdict([await makeOf(device, 'd2'), device], [authority])).toMatch(/^certificate-untrusted/);
    const withUsage = await makeOf(authority, 'd1', { keyUsage: KeyUsageFlags.keyCertSign });
    expect(verdict([await makeOf(withUsage, 'd2'), withUsage], [authority])).toMatch(
      /^certificate-untrusted: Of an authority in the chain: The certificate is no authority/,
    );
  });

  it('is refused where it is longer than an authority in it allows', async () => {
    const root = await makeAuthority('root', { pathLength: 0 });
    const middle = await makeAuthority('middle', { by: root });
    expect(verdict([await makeOf(root, 'd1')], [root])).toBe('CN=root');
    expect(verdict([await makeOf(middle, 'd1'), middle], [root])).toMatch(
      /^certificate-untrusted: The chain is too long/,
    );
    const free = await makeAuthority('free');
    const tight = await makeAuthority('tight', { by: free, pathLength: 0 });
    const low = await makeAuthority('low', { by: tight });
    expect(verdict([await makeOf(low, 'd1'), low, tight], [free])).toMatch(/The chain is too long/);
  });

  it('is refused out of its time', async () => {
    const authority = await makeAuthority('one');
    expect(verdict([await makeOf(authority, 'd1', { days: [-2, -1] })], [authority])).toMatch(
      /^certificate-expired/,
    );
    expect(verdict([await makeOf(authority, 'd1', { days: [1, 2] })], [authority])).toMatch(
      /^certificate-not-yet-valid/,
    );
    const old = await makeAuthority('old', { by: authority, days: [-2, -1] });
    expect(verdict([await makeOf(old, 'd1'), old], [authority])).toMatch(
      /^certificate-untrusted: Of an authority in the chain: The certificate was valid until/,
    );
  });

  it('is good for as long as all in it are, up to the authority', async () => {
    const root = await makeAuthority('root', { days: [-9, 9] });
    const middle = await makeAuthority('middle', { by: root, days: [-1, 2] });
    const own = await makeOf(middle, 'd1', { days: [-3, 5] });
    const { validFrom, validUntil } = readCertificate(middle.pem);
    expect(verified([own, middle], [root]).time).toEqual({ validFrom, validUntil });
    const { validFrom: from, validUntil: until } = readCertificate(own.pem);
    expect(verified([own], [middle]).time).toEqual({ validFrom: from, validUntil: until });
  });

  it('is vouched for where one in it was renewed and is there twice, the old one first', async () => {
    const root = await makeAuthority('root');
    const old = await makeAuthority('middle', { by: root, days: [-2, -1] });
    const renewed = await makeAuthority('middle', { by: root, keys: old.keys });
    const own = await makeOf(old, 'd1');
    expect(verdict([own, old, renewed], [root])).toBe('CN=root');
    expect(verdict([own, old], [root])).toMatch(/^certificate-untrusted: Of an authority in the chain/);
  });

  it('is refused as quickly where a stranger sends ten that have all signed each other', async () => {
    const first = await makeAuthority('loop');
    const others = await Promise.all(
      Array.from({ length: 9 }, () => makeAuthority('loop', { keys: first.keys })),
    );
    const own = await makeOf(first, 'd1');
    const root = await makeAuthority('root');
    expect(verdict([own, first, ...others], [root])).toMatch(/^certificate-untrusted/);
  }, 5_000);

  it.each([
    ['of an authority', { ca: true }, 'authority'],
    ['for servers', { extendedKeyUsage: [SERVER_AUTH] }, 'lacks clientAuth'],
    ['that may only encipher', { keyUsage: KeyUsageFlags.keyEncipherment }, 'lacks digitalSignature'],
    [
      'with what we do not know',
      { more: [new Extension('1.2.3.4', true, new Uint8Array([5, 0]))] },
      '1.2.3.4',
    ],
    ['with SHA-1', { algorithm: { hash: 'SHA-1' } }, 'SHA-1'],
  ])('is refused %s', async (_what, more, reason) => {
    const authority = await makeAuthority('one');
    const refused = verdict([await makeOf(authority, 'd1', more)], [authority]);
    expect(refused).toMatch(/^certificate-invalid/);
    expect(refused).toContain(reason);
  });
});

describe('an authority', () => {
  it.each([
    ['is none', { ca: false }, 'CA:TRUE'],
    ['has no constraints', { ca: undefined }, 'CA:TRUE'],
    ['may not sign', { ca: true, keyUsage: KeyUsageFlags.digitalSignature }, 'keyCertSign'],
  ])('that %s is refused', async (_what, more, reason) => {
    const { pem } = await make({ name: 'x', ...more });
    expect(() => assertAuthority(readCertificate(pem))).toThrow(reason);
  });
});

describe('a certificate', () => {
  it('is read from PEM and from DER in base64, and from nothing else', async () => {
    const { pem } = await makeAuthority('one');
    const read = readCertificate(pem);
    expect(readCertificate(read.x509.raw.toString('base64')).sha256).toBe(read.sha256);
    for (const text of ['', 'x', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 'AAAA']) {
      expect(() => readCertificate(text)).toThrow('certificate-invalid');
    }
  });

  it('names exactly one device', async () => {
    const named = async (more: object) => readCertificate((await make({ name: 'd1', ...more })).pem);
    expect(subjectOf(await named({}), 'cn')).toBe('d1');
    expect(subjectOf(await named({ dns: ['d1.example'] }), 'san-dns')).toBe('d1.example');
    const two = await named({ name: 'CN=d1, CN=d2', dns: ['a.example', 'b.example'] });
    expect(() => subjectOf(two, 'cn')).toThrow('exactly one CN');
    expect(() => subjectOf(two, 'san-dns')).toThrow('exactly one DNS name');
    expect(() => subjectOf(two, 'san-uri')).toThrow('exactly one URI');
    // A line feed in a name must not look like another part of it.
    expect(subjectOf(await named({ name: 'CN=d1\\0ACN=d2' }), 'cn')).toBe('d1\nCN=d2');
  });
});
