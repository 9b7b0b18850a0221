import type { SubjectSource } from '@muster/contracts/device-registry/certificate-authorities.requests';
import { invalid, type Certificate } from './certificate.js';

const NAMES: Readonly<Record<SubjectSource, string>> = {
  cn: 'CN',
  'san-dns': 'DNS name in its subjectAltName',
  'san-uri': 'URI in its subjectAltName',
  'san-email': 'address in its subjectAltName',
};
const MAX_LENGTH = 256;

/** What a certificate names its device by. Exactly one: with two, somebody else would choose. Throws `certificate-invalid`. */
export const subjectOf = (certificate: Certificate, from: SubjectSource): string => {
  const [name, ...others] = certificate.names(from);
  if (name === undefined || name === '' || others.length > 0) {
    throw invalid(`must have exactly one ${NAMES[from]}, which names the device`);
  }
  if (name.length > MAX_LENGTH) throw invalid(`has a ${NAMES[from]} of more than ${MAX_LENGTH} characters`);
  return name;
};
