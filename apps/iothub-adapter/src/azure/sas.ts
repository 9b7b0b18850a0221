import { createHmac } from 'node:crypto';

/**
 * A shared access signature of IoT Hub: HMAC-SHA256, by the decoded key, of the encoded resource and the end, Unix seconds.
 * (Event Hubs signs with the text of the key instead.) `policy` absent: a device's own.
 */
export const sasToken = ({
  resource,
  key,
  policy,
  until,
}: {
  /** `host`, or `host/devices/{id}`. */
  readonly resource: string;
  readonly key: string;
  readonly policy?: string;
  readonly until: number;
}): string => {
  const sr = encodeURIComponent(resource);
  const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${until}`).digest('base64');
  const name = policy === undefined ? '' : `&skn=${encodeURIComponent(policy)}`;
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${until}${name}`;
};
