import { createHash } from 'node:crypto';
import { AppError } from '@muster/contracts';
import {
  authenticateDevice,
  MAX_CERTIFICATE_LENGTH,
  MAX_CHAIN,
  type AuthenticateDevice,
} from '@muster/contracts/device-registry/credentials.requests';
import { GuessLimit, type GuessLimitOptions } from '@muster/limits';
import type { Bus } from '@muster/messaging';
import type { Logger, Metrics } from '@muster/observability';
import type { DeviceIdentity, Identity, Shown } from './identity.js';
import { Revocations, type LiveConnections } from './revocations.js';
import { Turns } from './turns.js';

export type { DeviceIdentity, Identity, Shown } from './identity.js';

export interface Login {
  /**
   * Throws `AppError`: what is wrong with what was shown, which is the client's fault; one that passes (`isPassing`) for a
   * fault of ours; `too-many-requests` for who guesses. Never logs the password.
   */
  identify(shown: Shown): Promise<Identity>;
  /**
   * Whether what was shown then still opens the door. To be asked when a connection is registered, and again and again while it
   * lives: whoever is not asked about for a minute does not hold any more.
   */
  stillHolds(identity: Identity): boolean;
  /** Who is told of what is taken back, when it is heard of. */
  watch(connections: LiveConnections): void;
  /** False: nobody is let in but anonymous clients, because what is taken back would not be heard of. */
  isReady(): boolean;
  stop(): Promise<void>;
}

export interface LoginOptions {
  /** Clients that show nothing are let in, as far as the tokens in their topics go. */
  readonly anonymous: boolean;
  readonly guesses: GuessLimitOptions;
  /** Questions to device-registry under way at the same time. */
  readonly atOnce: number;
  /** What waits for its turn for longer is told to come again. */
  readonly timeoutMs: number;
}

export interface LoginParts {
  readonly bus: Bus;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const ANONYMOUS: Identity = { kind: 'anonymous' };
/** As in the contract: what is longer is nobody's. */
const MAX_SHOWN = 256;

/**
 * Who a client is, by what it shows: a certificate counts before a password, and who shows neither is anonymous. device-registry
 * decides, at the time of the question, and knows again by a keyed digest which passwords were right lately: nothing is kept here,
 * so what is revoked opens nothing from the moment that the revocation is stored.
 */
export const openLogin = (options: LoginOptions, { bus, logger, metrics }: LoginParts): Login => {
  const revocations = new Revocations(bus, logger);
  const guesses = new GuessLimit(options.guesses);
  const turns = new Turns(options.atOnce);
  const logins = metrics.counter('muster_mqtt_front_logins_total', 'Clients that have shown who they are', [
    'by',
    'outcome',
  ]);

  const check = (address: string | undefined, proof: string): void => {
    const seconds = guesses.secondsToWait(address, proof);
    if (seconds === undefined) return;
    throw new AppError('too-many-requests', 'too much that was wrong came from this address', {
      retryAfterSeconds: seconds,
    });
  };

  const ask = async (
    question: AuthenticateDevice,
    { address }: Shown,
    proof: string,
  ): Promise<DeviceIdentity> => {
    const deadline = Date.now() + options.timeoutMs;
    check(address, proof);
    try {
      const identity = await turns.run(deadline, () => {
        // Again: of many that came at once, those before it are counted by now.
        check(address, proof);
        return revocations.during(() =>
          bus.request(authenticateDevice, question, { timeoutMs: deadline - Date.now() }),
        );
      });
      guesses.wasRight(address, proof);
      return identity;
    } catch (error) {
      // 401: it was nobody's. What is somebody's and opens nothing now is no guess.
      if (error instanceof AppError && error.status === 401) guesses.wasWrong(address);
      throw error;
    }
  };

  const counted = async (by: string, run: () => Promise<Identity>): Promise<Identity> => {
    try {
      const identity = await run();
      logins.inc({ by: identity.kind === 'device' ? identity.by : by, outcome: 'welcome' });
      return identity;
    } catch (error) {
      logins.inc({ by, outcome: error instanceof AppError ? error.code : 'internal' });
      throw error;
    }
  };

  return {
    identify: (shown) => {
      if (shown.certificates.length > 0) {
        return counted('certificate', () => ask(...byCertificate(shown)));
      }
      if ((shown.username ?? '') === '' && (shown.password?.length ?? 0) === 0) {
        return counted('nothing', async () => {
          if (options.anonymous) return ANONYMOUS;
          throw new AppError('unauthenticated', 'a user name and a password, or a certificate, is needed');
        });
      }
      return counted('password', async () => ask(...byPassword(shown)));
    },
    stillHolds: (identity) => identity.kind === 'anonymous' || revocations.stillHolds(identity),
    watch: (connections) => revocations.watch(connections),
    isReady: () => revocations.isFollowing(),
    stop: () => revocations.stop(),
  };
};

const asked = ({ clientId, address }: Shown): Omit<AuthenticateDevice, 'password' | 'certificate'> => ({
  interface: 'mqtt',
  ...(clientId === '' ? {} : { clientId: clientId.slice(0, MAX_SHOWN) }),
  ...(address === undefined ? {} : { remoteAddress: address }),
});

const byCertificate = (shown: Shown): [AuthenticateDevice, Shown, string] => {
  // What is longer than a chain can be is no part of one: own and nearest first, the rest counts for nothing.
  const chain = shown.certificates.filter((one) => one.length <= MAX_CERTIFICATE_LENGTH).slice(0, MAX_CHAIN);
  const [own] = shown.certificates;
  if (own === undefined || chain[0] !== own) {
    throw new AppError('certificate-invalid', 'the certificate is too long');
  }
  return [
    { ...asked(shown), certificate: { chain } },
    shown,
    createHash('sha256').update(own).digest('base64'),
  ];
};

/** Throws `credential-unknown` for what can be nobody's. */
const byPassword = (shown: Shown): [AuthenticateDevice, Shown, string] => {
  const { username = '' } = shown;
  const password = textOf(shown.password);
  const isPossible = (text: string | undefined): text is string =>
    text !== undefined && text.length > 0 && text.length <= MAX_SHOWN;
  if (!isPossible(username) || !isPossible(password)) {
    throw new AppError('credential-unknown', 'the user name is unknown or the password is wrong');
  }
  return [{ ...asked(shown), password: { username, password } }, shown, `${username}\n${password}`];
};

/** MQTT has bytes for a password; ours are texts. Undefined: it is none. */
const textOf = (password: Buffer | undefined): string | undefined => {
  if (password === undefined) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(password);
  } catch {
    return undefined;
  }
};
