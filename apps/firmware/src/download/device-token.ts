import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a token of a device says of itself. That of which firmware and tenant it is, its signature knows. */
export interface DeviceGrant {
  readonly deviceId: string;
  /** How often the device's access was revoked before: afterwards it opens nothing. */
  readonly revocation: number;
  /** Unix seconds. */
  readonly expiresAt: number;
}

export interface Opened {
  readonly tenantId: string;
  readonly firmwareId: string;
}

/** 192 bits of the signature; the whole is about 80 characters that need no escape in a URL or a header. */
const SIGNATURE_BYTES = 24;
const FORM = /^([A-Za-z0-9_-]{1,64})\.([0-9a-z]{1,7})\.([0-9a-z]{1,8})\.([A-Za-z0-9_-]{32})$/;

export const signed = (key: Buffer, opened: Opened, grant: DeviceGrant): string => {
  const { deviceId, revocation, expiresAt } = grant;
  const text = [deviceId, revocation.toString(36), expiresAt.toString(36)].join('.');
  return `${text}.${signatureOf(key, opened, text).toString('base64url')}`;
};

/** undefined: it is none of ours, or not for that. Whether it is still good is not looked at. */
export const grantIn = (key: Buffer, opened: Opened, token: string): DeviceGrant | undefined => {
  const match = FORM.exec(token);
  if (match === null) return undefined;
  const [, deviceId = '', revocation = '', expiresAt = '', signature = ''] = match;
  const expected = signatureOf(key, opened, [deviceId, revocation, expiresAt].join('.'));
  if (!timingSafeEqual(Buffer.from(signature, 'base64url'), expected)) return undefined;
  return { deviceId, revocation: parseInt(revocation, 36), expiresAt: parseInt(expiresAt, 36) };
};

/** None of the parts can hold a line break. */
const signatureOf = (key: Buffer, { tenantId, firmwareId }: Opened, text: string): Buffer =>
  createHmac('sha256', key)
    .update([tenantId, firmwareId, text].join('\n'))
    .digest()
    .subarray(0, SIGNATURE_BYTES);
