import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface Made {
  readonly pem: string;
  /** PKCS #8, PEM. */
  readonly key: string;
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface Wanted {
  /** Default: itself. */
  readonly by?: Made;
  readonly serialNumber?: string;
  readonly isAuthority?: boolean;
  /** Default: a day from now. */
  readonly until?: Date;
}

/** A certificate as a device or whoever wants to be one might show it. */
export const makeCertificate = async (cn: string, wanted: Wanted = {}): Promise<Made> => {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const name = `CN=${cn}`;
  const { by, isAuthority = false, until = new Date(Date.now() + 86_400_000) } = wanted;
  const made = await X509CertificateGenerator.create(
    {
      serialNumber:
        wanted.serialNumber ?? Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
      subject: name,
      issuer: by?.name ?? name,
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: until,
      publicKey: keys.publicKey,
      signingKey: (by?.keys ?? keys).privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(isAuthority, undefined, true),
        new KeyUsagesExtension(
          isAuthority ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature,
          true,
        ),
      ],
    },
    webcrypto,
  );
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { pem: made.toString('pem'), key: PemConverter.encode(pkcs8, 'PRIVATE KEY'), name, keys };
};
