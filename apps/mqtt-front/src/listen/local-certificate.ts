// tsyringe, which x509 is built with, asks for it.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { CertificateFiles } from './server-certificate.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
/** Some clients take none that lasts longer than 825. */
const SERVER_DAYS = 365;
/** Made anew when less is left. */
const LEAST_DAYS = 30;

/** What clients are given to know the server by: `mosquitto_pub --cafile`. */
export const AUTHORITY_FILE = 'ca.pem';

/**
 * A certificate for use without a public name, for the addresses that this machine has, of an authority of its own that lasts ten
 * years, so that clients keep what they trust when it is made anew. Several processes may come at once: each file appears whole,
 * and the first stays. Keys are readable for their owner alone.
 */
export const localCertificate = async (directory: string): Promise<CertificateFiles> => {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const names = ['localhost', hostname(), ...addresses()];
  const authority = await keep(
    join(directory, 'ca-key.pem'),
    () => true,
    () => make('Muster local authority'),
  );
  await publish(join(directory, AUTHORITY_FILE), authority.certificate.toString('pem'));
  const file = join(directory, 'server-key.pem');
  await keep(
    file,
    async ({ certificate }) =>
      lasts(certificate) && hasAll(certificate, names) && (await isSignedBy(certificate, authority)),
    () => make('localhost', { by: authority, names }),
  );
  return { certificateFile: file, keyFile: file };
};

interface Made {
  readonly certificate: X509Certificate;
  /** In PEM, PKCS #8. */
  readonly key: string;
}

const make = async (
  cn: string,
  of?: { readonly by: Made; readonly names: readonly string[] },
): Promise<Made> => {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const name = `CN=${cn}`;
  const signingKey = of === undefined ? keys.privateKey : await signingKeyOf(of.by);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(15)))
        .toString('hex')
        .replace(/^./, '1'),
      subject: name,
      issuer: of?.by.certificate.subject ?? name,
      // Clocks of devices are not exact.
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + (of === undefined ? AUTHORITY_DAYS : SERVER_DAYS) * DAY_MS),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(of === undefined, of === undefined ? 0 : undefined, true),
        new KeyUsagesExtension(
          of === undefined ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature,
          true,
        ),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ...(of === undefined
          ? []
          : [
              new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
              await AuthorityKeyIdentifierExtension.create(of.by.certificate.publicKey, false, webcrypto),
              new SubjectAlternativeNameExtension(
                of.names.map((value) => ({
                  type: isAddress(value) ? ('ip' as const) : ('dns' as const),
                  value,
                })),
              ),
            ]),
      ],
    },
    webcrypto,
  );
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificate, key: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
};

const signingKeyOf = ({ key }: Made): Promise<webcrypto.CryptoKey> => {
  const [pkcs8] = PemConverter.decode(key);
  if (pkcs8 === undefined) throw new Error('the key of the local authority cannot be read');
  return webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
};

/** What the file holds, certificate and key; made where there is none that fits. */
const keep = async (
  file: string,
  fits: (made: Made) => boolean | Promise<boolean>,
  makeOne: () => Promise<Made>,
): Promise<Made> => {
  const found = await read(file);
  if (found !== undefined && (await fits(found))) return found;
  const made = await makeOne();
  const temporary = await write(file, `${made.certificate.toString('pem')}\n${made.key}\n`, 0o600);
  if (found !== undefined) {
    await rename(temporary, file);
    return made;
  }
  try {
    await link(temporary, file);
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const first = await read(file);
    if (first === undefined) throw new Error(`${file} cannot be read`, { cause: error });
    return first;
  } finally {
    await rm(temporary, { force: true });
  }
};

const read = async (file: string): Promise<Made | undefined> => {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const [certificate, key] = text.split(/(?=-----BEGIN PRIVATE KEY-----)/);
  if (certificate === undefined || key === undefined) {
    throw new Error(`${file} does not hold a certificate and its key; remove it, then it is made anew`);
  }
  return { certificate: new X509Certificate(certificate.trim()), key: key.trim() };
};

const publish = async (file: string, text: string): Promise<void> => {
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (found === `${text}\n`) return;
  await rename(await write(file, `${text}\n`, 0o644), file);
};

const write = async (file: string, text: string, mode: number): Promise<string> => {
  const temporary = `${file}.${process.pid}.${webcrypto.randomUUID()}`;
  await writeFile(temporary, text, { mode });
  return temporary;
};

const lasts = ({ notAfter }: X509Certificate): boolean =>
  notAfter.getTime() > Date.now() + LEAST_DAYS * DAY_MS;

const isSignedBy = (certificate: X509Certificate, { certificate: authority }: Made): Promise<boolean> =>
  certificate.verify({ publicKey: authority.publicKey, signatureOnly: true }, webcrypto);

const hasAll = (certificate: X509Certificate, names: readonly string[]): boolean => {
  const known = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  return names.every((name) => known.some(({ value }) => value === name));
};

/** Of this machine. Those of a link are not reached by anybody without naming the interface. */
const addresses = (): string[] => {
  const found = Object.values(networkInterfaces()).flatMap((some) => some ?? []);
  const reachable = found.map(({ address }) => address).filter((one) => !one.startsWith('fe80:'));
  return [...new Set(['127.0.0.1', '::1', ...reachable])];
};

const isAddress = (name: string): boolean => /^[\d.]+$/.test(name) || name.includes(':');
