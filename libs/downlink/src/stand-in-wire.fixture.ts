import type { Addressee, Push, Wire } from './wire.js';

export interface Sent {
  readonly token: string;
  /** `<app version> <token> <extension> <path>` */
  readonly address: string;
  readonly body: string;
  readonly expiresAt?: string;
}

/**
 * A second interface, which is not MQTT: no topics, no patterns, no broker. A channel is the beginning of what follows the
 * app version in an address. `send` tells whether somebody was there.
 */
export const standInWire = (
  send: (sent: Sent) => Promise<boolean> = () => Promise.resolve(true),
  of: Wire['interface'] = 'mqtt',
  versionsOf: (token: string, extension: string) => readonly string[] = () => [],
): Wire & { readonly sent: Sent[] } => {
  const sent: Sent[] = [];
  return {
    sent,
    interface: of,
    versionsOf,
    covers: ({ token, channels }, push) =>
      channels === undefined || channels.some((channel) => `${token} ${placeOf(push)}`.startsWith(channel)),
    send: ({ token, appVersion }: Addressee, push: Push) => {
      const one = {
        token,
        address: `${appVersion} ${token} ${placeOf(push)}`,
        body: push.body,
        ...(push.expiresAt === undefined ? {} : { expiresAt: push.expiresAt }),
      };
      sent.push(one);
      return send(one);
    },
  };
};

const placeOf = ({ extension, path }: Push): string => `${extension} ${path.join('/')}`;
