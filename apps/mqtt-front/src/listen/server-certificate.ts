import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '@muster/observability';

/** In PEM: the certificate with those between it and its authority, and its key. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface ServerCertificate {
  current(): KeyPair;
  /** Until when it is valid, in seconds since 1970. */
  endsAt(): number;
  /** Calls back with every later pair. Returns what ends that. */
  follow(onChange: (pair: KeyPair) => void): () => void;
  stop(): void;
}

/** Looked at, not watched: a mounted secret is replaced by another directory, which no watch of a file sees. */
const LOOK_EVERY_MS = 2_000;

/**
 * What the server shows, read again whenever one of the files has changed. A pair that does not go together, as in the middle of
 * an exchange, changes nothing, and is told once. Throws at the start.
 */
export const openServerCertificate = async (
  { certificateFile, keyFile }: CertificateFiles,
  logger: Logger,
): Promise<ServerCertificate> => {
  const followers = new Set<(pair: KeyPair) => void>();
  let marks = await marksOf([certificateFile, keyFile]);
  let pair = await readPair(certificateFile, keyFile);
  let looking = false;

  const look = async (): Promise<void> => {
    try {
      const now = await marksOf([certificateFile, keyFile]);
      if (now === marks) return;
      const next = await readPair(certificateFile, keyFile);
      marks = now;
      if (next.cert === pair.cert && next.key === pair.key) return;
      pair = next;
      for (const onChange of followers) onChange(pair);
      const { validTo, fingerprint256 } = new X509Certificate(pair.cert);
      logger.info({ validTo, fingerprint256 }, 'the certificate of the server was replaced');
      told = '';
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== told) logger.warn({ err: error }, 'the certificate of the server cannot be replaced');
      told = why;
    }
  };
  let told = '';
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => (looking = false));
  }, LOOK_EVERY_MS);

  return {
    current: () => pair,
    endsAt: () => Date.parse(new X509Certificate(pair.cert).validTo) / 1_000,
    follow: (onChange) => {
      followers.add(onChange);
      return () => followers.delete(onChange);
    },
    stop: () => clearInterval(timer),
  };
};

const marksOf = async (files: readonly string[]): Promise<string> => {
  const found = await Promise.all(files.map((file) => stat(file)));
  return found.map(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`).join();
};

/** Throws where one cannot be read, or the key is not that of the certificate; no error has anything of the key in it. */
const readPair = async (certificateFile: string, keyFile: string): Promise<KeyPair> => {
  const [cert, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
  const certificate = parsed(certificateFile, 'certificate', () => new X509Certificate(cert));
  const privateKey = parsed(keyFile, 'private key', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`the key in ${keyFile} is not that of the certificate in ${certificateFile}`);
  }
  return { cert, key };
};

const parsed = <T>(file: string, what: string, read: () => T): T => {
  try {
    return read();
  } catch {
    throw new Error(`${file} holds no ${what} in PEM`);
  }
};
