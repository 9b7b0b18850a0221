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

/** All alike, so that none fails earlier than the others with a hub whose clock is ahead. */
export const SIGNED_SECONDS = 3_600;
/** A signature is not used up to its end: the hub's clock is another. */
const RENEW_SECONDS = 600;

/** The signature of a service, made anew in time: a hub whose clock is up to ten minutes ahead of ours takes it. */
export class Signature {
  private token = '';
  private renewAt = 0;

  constructor(private readonly of: Omit<Parameters<typeof sasToken>[0], 'until'>) {}

  /** `now`: Unix seconds. */
  at(now: number): string {
    if (now >= this.renewAt) {
      this.token = sasToken({ ...this.of, until: now + SIGNED_SECONDS });
      this.renewAt = now + SIGNED_SECONDS - RENEW_SECONDS;
    }
    return this.token;
  }
}
