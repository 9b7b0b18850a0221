import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  type Extension,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

export interface Made {
  readonly pem: string;
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface Wanted {
  /** `CN=…`; a bare text is a CN. */
  readonly name: string;
  /** Default: itself. */
  readonly by?: Made;
  /** Default: new ones. */
  readonly keys?: webcrypto.CryptoKeyPair;
  readonly serialNumber?: string;
  readonly days?: readonly [from: number, until: number];
  /** Undefined: no basic constraints. */
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly keyUsage?: KeyUsageFlags;
  readonly extendedKeyUsage?: readonly string[];
  readonly dns?: readonly string[];
  readonly more?: readonly Extension[];
  readonly algorithm?: object;
}

/** A certificate as one might come, right or wrong. */
export const make = async (wanted: Wanted): Promise<Made> => {
  const algorithm = { ...ALGORITHM, ...wanted.algorithm };
  const keys = wanted.keys ?? (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']));
  const name = wanted.name.includes('=') ? wanted.name : `CN=${wanted.name}`;
  const [from, until] = wanted.days ?? [-1, 365];
  const signer = wanted.by?.keys ?? keys;
  const { ca, pathLength, keyUsage, extendedKeyUsage, dns } = wanted;
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber:
        wanted.serialNumber ?? Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
      subject: name,
      issuer: wanted.by?.name ?? name,
      notBefore: new Date(Date.now() + from * DAY_MS),
      notAfter: new Date(Date.now() + until * DAY_MS),
      publicKey: keys.publicKey,
      signingKey: signer.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        ...(ca === undefined ? [] : [new BasicConstraintsExtension(ca, pathLength, true)]),
        ...(keyUsage === undefined ? [] : [new KeyUsagesExtension(keyUsage, true)]),
        ...(extendedKeyUsage === undefined ? [] : [new ExtendedKeyUsageExtension([...extendedKeyUsage])]),
        ...(dns === undefined
          ? []
          : [new SubjectAlternativeNameExtension(dns.map((value) => ({ type: 'dns' as const, value })))]),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await AuthorityKeyIdentifierExtension.create(signer.publicKey, false, webcrypto),
        ...(wanted.more ?? []),
      ],
    },
    webcrypto,
  );
  return { pem: certificate.toString('pem'), name, keys };
};

/** One that may sign others. */
export const makeAuthority = (name: string, more: Partial<Wanted> = {}): Promise<Made> =>
  make({ name, ca: true, keyUsage: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, ...more });

/** A device's, as an authority signs it. */
export const makeOf = (by: Made, name: string, more: Partial<Wanted> = {}): Promise<Made> =>
  make({ name, by, ca: false, keyUsage: KeyUsageFlags.digitalSignature, ...more });
