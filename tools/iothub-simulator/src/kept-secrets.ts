import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyPair } from './hub/identity.js';
import { newKey } from './hub/hub.js';
import { makeCertificate, type CertificateAndKey } from './security/certificates.js';
import { DEFAULT_POLICIES } from './security/policies.js';

export interface KeptSecrets {
  readonly authority: CertificateAndKey;
  readonly policyKeys: Readonly<Record<string, KeyPair>>;
}

/** What clients trust: for NODE_EXTRA_CA_CERTS. */
export const AUTHORITY_FILE = 'authority.pem';
const SECRETS_FILE = 'secrets.json';

/** What lasts from one start to the next: made at the first, readable for its owner alone. Devices and events do not last. */
export const keptSecrets = async (directory: string): Promise<KeptSecrets> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, SECRETS_FILE);
  const found = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  const secrets = found === undefined ? await makeSecrets() : (JSON.parse(found) as KeptSecrets);
  if (found === undefined) await writeFile(file, JSON.stringify(secrets, null, 2), { mode: 0o600 });
  await writeFile(join(directory, AUTHORITY_FILE), secrets.authority.certificate);
  return secrets;
};

const makeSecrets = async (): Promise<KeptSecrets> => ({
  authority: await makeCertificate({ commonName: 'IoT Hub simulator authority', isAuthority: true }),
  policyKeys: Object.fromEntries(
    Object.keys(DEFAULT_POLICIES).map((name) => [name, { primaryKey: newKey(), secondaryKey: newKey() }]),
  ),
});
