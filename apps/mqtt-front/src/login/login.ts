import { createHash } from 'node:crypto';
import { AppError } from '@muster/contracts';
import { enrolDevice, type EnrolledDevice } from '@muster/contracts/device-registry/claim-keys.requests';
import {
  authenticateDevice,
  MAX_CERTIFICATE_LENGTH,
  MAX_CHAIN,
  type AuthenticateDevice,
} from '@muster/contracts/device-registry/credentials.requests';
import { decodeEnrolment, PayloadError, type Enrolment } from '@muster/kp1';
import { GuessLimit, type GuessLimitOptions } from '@muster/limits';
import type { Bus } from '@muster/messaging';
import type { Logger, Metrics } from '@muster/observability';
import pLimit from 'p-limit';
import type { DeviceIdentity, Identity, Shown } from './identity.js';
import { Revocations } from './revocations.js';

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
  /**
   * A device of a claim key, with all that it needs, shown this once. Throws `AppError`. Who tries keys is slowed as who tries
   * passwords is.
   */
  enrol(payload: Buffer, address: string | undefined): Promise<EnrolledDevice>;
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
  /** Told at once when something may not hold any more: of this device, or of any. */
  readonly onClosed?: (deviceId?: string) => void;
}

const ANONYMOUS: Identity = { kind: 'anonymous' };
/** As in the contract: what is longer is nobody's. */
const MAX_SHOWN = 256;

/**
 * Who a client is, by what it shows: a certificate counts before a password, and who shows neither is anonymous. device-registry
 * decides, at the time of the question, and knows again by a keyed digest which passwords were right lately: nothing is kept here,
 * so what is revoked opens nothing from the moment that the revocation is stored.
 */
export const openLogin = (options: LoginOptions, { bus, logger, metrics, onClosed }: LoginParts): Login => {
  const revocations = new Revocations(bus, logger, onClosed);
  const guesses = new GuessLimit(options.guesses);
  const turns = pLimit(options.atOnce);
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

  /** Has what an address shows looked at, if it has not shown too much that was wrong. */
  const looked = async <T>(
    address: string | undefined,
    proof: string,
    deadline: number,
    look: () => Promise<T>,
  ): Promise<T> => {
    check(address, proof);
    try {
      const found = await turns(async () => {
        // Again: of many that came at once, those before it are counted by now.
        check(address, proof);
        if (Date.now() < deadline) return await look();
        throw new AppError('unavailable', 'too many others come in at the same time', {
          retryAfterSeconds: 1,
        });
      });
      guesses.wasRight(address, proof);
      return found;
    } catch (error) {
      // 401: it was nobody's. What is somebody's and opens nothing now is no guess.
      if (error instanceof AppError && error.status === 401) guesses.wasWrong(address);
      throw error;
    }
  };

  const ask = (question: AuthenticateDevice, { address }: Shown, proof: string): Promise<DeviceIdentity> => {
    const deadline = Date.now() + options.timeoutMs;
    return looked(address, proof, deadline, () =>
      revocations.during(() =>
        bus.request(authenticateDevice, question, { timeoutMs: deadline - Date.now() }),
      ),
    );
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
    enrol: async (payload, address) => {
      const enrolment = decoded(payload);
      const deadline = Date.now() + options.timeoutMs;
      return looked(address, enrolment.claimKey, deadline, () =>
        bus.request(
          enrolDevice,
          { enrolment, ...(address === undefined ? {} : { remoteAddress: address }) },
          { timeoutMs: deadline - Date.now() },
        ),
      );
    },
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

/** A claim key, a name and a serial number; nothing longer is read. */
const MAX_ENROLMENT_BYTES = 2_048;

/** Throws `payload-too-large`, `invalid-payload`. */
const decoded = (payload: Buffer): Enrolment => {
  if (payload.length > MAX_ENROLMENT_BYTES) {
    throw new AppError('payload-too-large', `payload must have at most ${MAX_ENROLMENT_BYTES} bytes`);
  }
  try {
    return decodeEnrolment(payload);
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
    throw new AppError('invalid-payload', error.reasonPhrase, { cause: error });
  }
};
