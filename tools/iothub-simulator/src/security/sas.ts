import { createHmac, timingSafeEqual } from 'node:crypto';

/** `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`, taken apart. */
export interface SasToken {
  /** As it was signed: still URL-encoded. */
  readonly signedResource: string;
  readonly resource: string;
  readonly signature: string;
  /** Seconds since 1970, as it was signed. */
  readonly expiry: string;
  readonly expiresAt: number;
  /** Of a policy of the hub. Undefined: the key is a device's. */
  readonly policy?: string;
}

/**
 * One key, two signatures: IoT Hub signs with the bytes that the key stands for in base64, Event Hubs with its text. A token
 * for the one is none for the other.
 */
export type SignedWith = 'decodedKey' | 'keyText';

export const parseSasToken = (text: string): SasToken | undefined => {
  const match = /^SharedAccessSignature\s+(.+)$/.exec(text.trim());
  if (match?.[1] === undefined) return undefined;
  const fields = new Map(
    match[1].split('&').map((field): [string, string] => {
      const at = field.indexOf('=');
      return [field.slice(0, at), field.slice(at + 1)];
    }),
  );
  const [signedResource, signature, expiry] = [fields.get('sr'), fields.get('sig'), fields.get('se')];
  if (!signedResource || !signature || !expiry || !/^\d{1,12}$/.test(expiry)) return undefined;
  const policy = fields.get('skn');
  try {
    return {
      signedResource,
      resource: decodeURIComponent(signedResource),
      signature: decodeURIComponent(signature),
      expiry,
      expiresAt: Number(expiry) * 1_000,
      ...(policy === undefined || policy === '' ? {} : { policy: decodeURIComponent(policy) }),
    };
  } catch {
    return undefined; // no URL encoding
  }
};

export const isSignedBy = (token: SasToken, key: string, how: SignedWith): boolean => {
  const expected = hmac(`${token.signedResource}\n${token.expiry}`, key, how);
  const given = Buffer.from(token.signature, 'base64');
  return given.length === expected.length && timingSafeEqual(given, expected);
};

/** A token as the SDKs make it. */
export const makeSasToken = (
  resource: string,
  key: string,
  expiresAt: number,
  policy?: string,
  how: SignedWith = 'decodedKey',
): string => {
  const signedResource = encodeURIComponent(resource);
  const expiry = String(Math.floor(expiresAt / 1_000));
  const signature = hmac(`${signedResource}\n${expiry}`, key, how).toString('base64');
  const skn = policy === undefined ? '' : `&skn=${encodeURIComponent(policy)}`;
  return `SharedAccessSignature sr=${signedResource}&sig=${encodeURIComponent(signature)}&se=${expiry}${skn}`;
};

const hmac = (text: string, key: string, how: SignedWith): Buffer =>
  createHmac('sha256', how === 'decodedKey' ? Buffer.from(key, 'base64') : key)
    .update(text)
    .digest();
