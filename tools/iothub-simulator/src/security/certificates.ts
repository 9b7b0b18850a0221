// tsyringe, which x509 is built with, asks for it.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
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

/** A certificate and its private key (PKCS #8), in PEM. */
export interface CertificateAndKey {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  /** Who signs. Default: the certificate itself. */
  readonly issuer?: CertificateAndKey;
  readonly isAuthority?: boolean;
  /** DNS names and IP addresses of a server. */
  readonly names?: readonly string[];
  /** Default 3650. */
  readonly days?: number;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** Authorities, the hub's own certificate, and those of devices in tests. */
export const makeCertificate = async (request: CertificateRequest): Promise<CertificateAndKey> => {
  const { commonName, issuer, isAuthority = false, names = [], days = 3_650 } = request;
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const subject = `CN=${commonName}`;
  const by = issuer && new X509Certificate(issuer.certificate);
  const certificate = await X509CertificateGenerator.create(
    {
      // A first digit below 8, or the number were negative.
      serialNumber: `1${randomBytes(15).toString('hex').slice(1)}`,
      subject,
      issuer: by?.subject ?? subject,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + days * DAY_MS),
      publicKey: keys.publicKey,
      signingKey: issuer === undefined ? keys.privateKey : await importKey(issuer.key),
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(isAuthority, undefined, true),
        new KeyUsagesExtension(
          isAuthority ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature,
          true,
        ),
        // Two simulators have authorities of one name. By these a client tells whose certificate is whose.
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ...(by === undefined
          ? []
          : [await AuthorityKeyIdentifierExtension.create(by.publicKey, false, webcrypto)]),
        ...(names.length === 0
          ? []
          : [
              new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
              new SubjectAlternativeNameExtension(
                names.map((value) => ({ type: isAddress(value) ? 'ip' : 'dns', value })),
              ),
            ]),
      ],
    },
    webcrypto,
  );
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificate: certificate.toString('pem'), key: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
};

const importKey = (pem: string): Promise<webcrypto.CryptoKey> => {
  const [pkcs8] = PemConverter.decode(pem);
  if (pkcs8 === undefined) throw new Error('The key of the issuer is no PEM');
  return webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
};

const isAddress = (name: string): boolean => /^[\d.]+$/.test(name) || name.includes(':');
