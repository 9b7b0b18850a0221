// tsyringe, which x509 is built with, asks for it.
import 'reflect-metadata';
import { X509Certificate, type KeyObject } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate as ParsedCertificate,
} from '@peculiar/x509';
import { AppError } from '@muster/contracts';
import type { SubjectSource } from '@muster/contracts/device-registry/certificate-authorities.requests';

/**
 * A certificate as we need it. Node reads and verifies it, by OpenSSL; what Node does not show of it (the parts of its
 * subject, the length of a path, the usage of a key) is read by `@peculiar/x509`.
 */
export interface Certificate {
  readonly x509: X509Certificate;
  readonly publicKey: KeyObject;
  /** In hexadecimal, lower case. */
  readonly sha256: string;
  /** One line per part, as Node writes it: equal for equal names, to look authorities up by. */
  readonly subject: string;
  readonly issuer: string;
  readonly validFrom: string;
  readonly validUntil: string;
  readonly isAuthority: boolean;
  /** How many certificates of other authorities may come between it and a device's; undefined: any number. */
  readonly pathLength: number | undefined;
  /** Undefined: not restricted. */
  readonly keyUsage: number | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Of the kind that it is asked for; all there are. */
  readonly names: (source: SubjectSource) => readonly string[];
}

const MIN_RSA_BITS = 2_048;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';
/** Critical ones that we look at, or that restrict nothing we do. Any other critical one must not be passed over (RFC 5280, 4.2). */
const KNOWN_CRITICAL = new Set([
  '2.5.29.19',
  '2.5.29.15',
  '2.5.29.37',
  '2.5.29.17',
  '2.5.29.14',
  '2.5.29.35',
  '2.5.29.32',
]);

/** PEM, or DER in base64. Throws `certificate-invalid` naming the reason. */
export const readCertificate = (text: string): Certificate => {
  try {
    const trimmed = text.trim();
    const isPem = trimmed.startsWith('-----BEGIN CERTIFICATE-----');
    if (!isPem && !/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(trimmed)) throw unreadable();
    const x509 = new X509Certificate(isPem ? trimmed : Buffer.from(trimmed, 'base64'));
    return describe(x509, new ParsedCertificate(x509.raw));
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw unreadable(error);
  }
};

const describe = (x509: X509Certificate, parsed: ParsedCertificate): Certificate => {
  const critical = parsed.extensions.find(({ critical: must, type }) => must && !KNOWN_CRITICAL.has(type));
  if (critical !== undefined)
    throw invalid(`has a critical extension (${critical.type}) that is not known here`);
  const { publicKey } = x509;
  const bits = publicKey.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < MIN_RSA_BITS) {
    throw invalid(`has an RSA key of ${bits} bits; at least ${MIN_RSA_BITS} are needed`);
  }
  const { hash } = parsed.signatureAlgorithm as { readonly hash?: { readonly name?: string } };
  if (hash?.name === 'SHA-1') throw invalid('is signed with SHA-1, which can be forged');
  const basic = parsed.getExtension(BasicConstraintsExtension);
  const alternatives = parsed.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  return {
    x509,
    publicKey,
    sha256: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: x509.subject,
    issuer: x509.issuer,
    validFrom: parsed.notBefore.toISOString(),
    validUntil: parsed.notAfter.toISOString(),
    isAuthority: basic?.ca === true,
    pathLength: basic?.pathLength,
    keyUsage: parsed.getExtension(KeyUsagesExtension)?.usages,
    extendedKeyUsage: parsed.getExtension(ExtendedKeyUsageExtension)?.usages.map(String),
    names: (source) => {
      if (source === 'cn') return parsed.subjectName.getField('CN');
      const type = { 'san-dns': 'dns', 'san-uri': 'url', 'san-email': 'email' }[source];
      return alternatives.filter((one) => one.type === type).map((one) => one.value);
    },
  };
};

/** `CN=…, O=…` for people. */
export const shownName = (subject: string): string => subject.split('\n').join(', ');

/** Whether `authority` has signed it: the names fit, the authority's key may sign, and the signature is of that key. */
export const isSignedBy = (certificate: Certificate, authority: Certificate): boolean =>
  certificate.x509.checkIssued(authority.x509) && certificate.x509.verify(authority.publicKey);

/** Throws `certificate-invalid` for what cannot sign certificates of devices. */
export const assertAuthority = (certificate: Certificate): void => {
  if (!certificate.isAuthority) throw invalid('is no authority: its basic constraints do not say CA:TRUE');
  if (certificate.keyUsage !== undefined && !has(certificate.keyUsage, KeyUsageFlags.keyCertSign)) {
    throw invalid('may not sign certificates: its key usage lacks keyCertSign');
  }
};

/** Throws `certificate-invalid` for what a client must not show. */
export const assertOfClient = (certificate: Certificate): void => {
  if (certificate.isAuthority) throw invalid("is an authority's own and no device's");
  if (certificate.keyUsage !== undefined && !has(certificate.keyUsage, KeyUsageFlags.digitalSignature)) {
    throw invalid('may not be used by a client: its key usage lacks digitalSignature');
  }
  const { extendedKeyUsage } = certificate;
  if (
    extendedKeyUsage !== undefined &&
    !extendedKeyUsage.includes(CLIENT_AUTH) &&
    !extendedKeyUsage.includes(ANY_USAGE)
  ) {
    throw invalid('may not be used by a client: its extended key usage lacks clientAuth');
  }
};

/** Throws `certificate-expired` or `certificate-not-yet-valid`. */
export const assertInTime = ({ validFrom, validUntil }: Certificate, at: string): void => {
  if (at < validFrom) {
    throw new AppError('certificate-not-yet-valid', `The certificate is valid from ${validFrom} on.`);
  }
  if (at > validUntil) {
    throw new AppError('certificate-expired', `The certificate was valid until ${validUntil}.`);
  }
};

const has = (usage: number, flag: number): boolean => (usage & flag) === flag;

export const invalid = (why: string, cause?: unknown): AppError =>
  new AppError('certificate-invalid', `The certificate ${why}.`, { cause });

const unreadable = (cause?: unknown): AppError =>
  invalid(
    'cannot be read; it must be PEM (-----BEGIN CERTIFICATE----- and so on), or its DER in base64',
    cause,
  );
