import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { AppError } from '@muster/contracts';

const FORM = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Keeps texts that only we may read, by AES-256-GCM: `form (1) | iv (12) | tag (16) | ciphertext`. Each is sealed for one
 * `place`, and opens nowhere else: who can write in the table cannot make one tenant's key another's.
 */
export class Sealer {
  /** `keys`: 32 bytes each. All open, and the first one seals. */
  constructor(private readonly keys: readonly [Buffer, ...Buffer[]]) {}

  seal(text: string, place: string): Buffer {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.keys[0], iv).setAAD(Buffer.from(place));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.of(FORM), iv, cipher.getAuthTag(), sealed]);
  }

  /** Throws `iot-hubs-not-set-up` for what was sealed by another key, or for another place. */
  open(sealed: Buffer, place: string): string {
    for (const key of this.keys) {
      const text = opened(sealed, place, key);
      if (text !== undefined) return text;
    }
    throw new AppError(
      'iot-hubs-not-set-up',
      'The key of the IoT Hub was sealed with another sealing key than this installation has now; give its connection string again.',
    );
  }

  isSealedByFirst(sealed: Buffer, place: string): boolean {
    return opened(sealed, place, this.keys[0]) !== undefined;
  }
}

const opened = (sealed: Buffer, place: string, key: Buffer): string | undefined => {
  if (sealed[0] !== FORM || sealed.length < 1 + IV_BYTES + TAG_BYTES) return undefined;
  const iv = sealed.subarray(1, 1 + IV_BYTES);
  const tag = sealed.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(place))
    .setAuthTag(tag);
  const text = decipher.update(sealed.subarray(1 + IV_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return undefined; // by another key, for another place, or changed
  }
};
