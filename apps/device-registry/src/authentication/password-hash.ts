import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/**
 * For passwords that somebody has chosen: scrypt with 16 MiB and five passes, one of the settings that OWASP gives as equal;
 * some 0.2 s of a core. Node.js 20 has no argon2id, and this must run there too (docs/adr/0020). The numbers are in each
 * hash, so they can be raised.
 */
const COST = { ln: 14, r: 8, p: 5 } as const;
const BYTES = 32;

type Cost = Readonly<Record<'ln' | 'r' | 'p', number>>;

const derive = (password: string, salt: Buffer, { ln, r, p }: Cost): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const N = 2 ** ln;
    scrypt(password, salt, BYTES, { N, r, p, maxmem: 256 * N * r }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });

/** `$scrypt$ln=14,r=8,p=5$<salt>$<hash>`, in base64. */
export const slowHashOf = async (password: string): Promise<string> => {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  const { ln, r, p } = COST;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${salt.toString('base64')}$${key.toString('base64')}`;
};

/** Of 256 random bits, which cannot be guessed at any price: a slow hash would protect nothing more (docs/adr/0005). `$sha256$<hash>`. */
export const fastHashOf = (password: string): string =>
  `$sha256$${createHash('sha256').update(password).digest('base64')}`;

/** Whether a password is checked in no time. */
export const isFast = (stored: string): boolean => stored.startsWith('$sha256$');

const SLOW = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]+=*)$/;

/** Where it is not `isFast`, that takes a fifth of a second and 16 MiB, on purpose. Throws where the hash is none of ours. */
export const isPassword = async (password: string, stored: string): Promise<boolean> => {
  if (isFast(stored)) {
    const [known, shown] = [Buffer.from(stored), Buffer.from(fastHashOf(password))];
    return known.length === shown.length && timingSafeEqual(known, shown);
  }
  const [, ln, r, p, salt, key] = SLOW.exec(stored) ?? [];
  if (salt === undefined || key === undefined)
    throw new Error('the stored hash of a password cannot be read');
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  const shown = await derive(password, Buffer.from(salt, 'base64'), cost);
  return timingSafeEqual(shown, Buffer.from(key, 'base64'));
};
