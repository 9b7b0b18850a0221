import { createHmac, randomBytes } from 'node:crypto';

/**
 * Which passwords were found right lately, so that thousands of devices that come back at once cost no slow hash each. Kept
 * is an HMAC under a key of this process, over the stored hash and the password: without the key, which is in no dump of the
 * database and no log, it tells nothing, and with another stored hash, after a change of the password, it fits no more.
 */
export class VerifiedPasswords {
  private readonly key = randomBytes(32);
  /** Oldest first. */
  private readonly known = new Set<string>();

  /** About 150 bytes each. */
  constructor(private readonly most: number) {}

  has(storedHash: string, password: string): boolean {
    const digest = this.digestOf(storedHash, password);
    if (!this.known.delete(digest)) return false;
    this.known.add(digest);
    return true;
  }

  add(storedHash: string, password: string): void {
    this.known.add(this.digestOf(storedHash, password));
    if (this.known.size <= this.most) return;
    const [oldest] = this.known;
    if (oldest !== undefined) this.known.delete(oldest);
  }

  get size(): number {
    return this.known.size;
  }

  /** The stored hash has a fixed alphabet without a zero byte: no two pairs make the same text. */
  private digestOf(storedHash: string, password: string): string {
    return createHmac('sha256', this.key).update(`${storedHash}\0${password}`).digest('base64');
  }
}
