import { AppError } from '@muster/contracts';
import type {
  AuthenticatedDevice,
  AuthenticateDevice,
  CheckCredentials,
  ShownPassword,
} from '@muster/contracts/device-registry/credentials.requests';
import type { Database, EventStore } from '@muster/event-store';
import { networkOf } from '@muster/limits';
import { type Logger, type Metrics } from '@muster/observability';
import { authoritiesNamed } from '../certificate-authority/certificate-authority-list.projection.js';
import {
  assertOpen,
  certificateAuthority,
  timeOf,
} from '../certificate-authority/certificate-authority.decider.js';
import { WaitingLine } from '../device/waiting-line.js';
import type { Enrolments } from '../enrolment/enrolments.js';
import { overlap, type Validity } from '../validity.js';
import { verifyChain } from './certificate-chain.js';
import { assertInTime, readCertificate, type Certificate } from './certificate.js';
import { Guesses } from './guesses.js';
import type { LastUses } from './last-uses.js';
import { isFast, isPassword } from './password-hash.js';
import {
  assertOpens,
  certificateWith,
  credentialFor,
  credentialsWith,
  passwordsOf,
  type FittingCredential,
} from './shown-credential.js';
import { subjectOf } from './subject.js';
import { VerifiedPasswords } from './verified-passwords.js';

export interface AuthenticationLimits {
  /** Slow hashes at once; each takes a core and 16 MiB. */
  readonly passwordsAtOnce: number;
  /** What waits for that; more is `unavailable`. */
  readonly passwordsWaiting: number;
  /** Passwords that were found right and are known again without a slow hash. */
  readonly verifiedPasswords: number;
  readonly guessesPerMinute: number;
  readonly guessesPerAddressPerMinute: number;
}

type Asked = Pick<AuthenticateDevice, 'interface' | 'clientId' | 'remoteAddress'>;

/** Whose a password or a certificate is. */
export class Authentication {
  private readonly verified: VerifiedPasswords;
  private readonly line: WaitingLine;
  private readonly byName: Guesses;
  private readonly byAddress: Guesses;
  private readonly outcomes;

  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly store: EventStore;
      readonly enrolments: Enrolments;
      readonly uses: LastUses;
      readonly limits: AuthenticationLimits;
      readonly logger: Logger;
      readonly metrics: Metrics;
    },
  ) {
    const { limits } = parts;
    this.verified = new VerifiedPasswords(limits.verifiedPasswords);
    this.line = new WaitingLine(limits.passwordsAtOnce);
    this.byName = new Guesses(limits.guessesPerMinute);
    this.byAddress = new Guesses(limits.guessesPerAddressPerMinute);
    this.outcomes = parts.metrics.counter(
      'muster_device_authentications_total',
      'Passwords and certificates that devices have shown',
      ['method', 'outcome'],
    );
  }

  async byPassword({ username, password }: ShownPassword, asked: Asked): Promise<AuthenticatedDevice> {
    return this.counted('password', asked, async (at) => {
      const fitting = await passwordsOf(this.parts.database, username);
      const found = await this.rightOne(fitting, { username, password }, asked);
      return this.welcome(found, asked, at, {});
    });
  }

  async byCertificate(chain: readonly string[], asked: Asked): Promise<AuthenticatedDevice> {
    return this.counted('certificate', asked, async (at) => {
      const certificates = chain.map(readCertificate);
      const [own] = certificates;
      if (own === undefined) throw new AppError('certificate-invalid', 'There is no certificate.');
      const { validFrom, validUntil } = own;
      const pinned = await certificateWith(this.parts.database, own.sha256);
      if (pinned !== undefined) {
        assertInTime(own, at);
        return this.welcome(pinned, asked, at, { validFrom, validUntil });
      }
      return this.byAuthority(own, certificates, asked, at);
    });
  }

  private async byAuthority(
    own: Certificate,
    certificates: readonly Certificate[],
    asked: Asked,
    at: string,
  ): Promise<AuthenticatedDevice> {
    const { database, store, enrolments, uses } = this.parts;
    const named = await authoritiesNamed(database, [...new Set(certificates.map(({ issuer }) => issuer))]);
    const candidates = named.map((one) => ({ ...one, certificate: readCertificate(one.certificate) }));
    const { authority, time: ofChain } = verifyChain(certificates, candidates, at);
    const { tenantId, authorityId } = authority;
    const { state, version } = await store.load(certificateAuthority, tenantId, authorityId);
    if (state.status !== 'existing') throw untrusted();
    assertOpen(state, at);
    const subject = subjectOf(own, state.subject.from);
    const found =
      (await credentialFor(database, tenantId, subject)) ??
      (await enrolments.byCertificate({ tenantId, authorityId, subject, at, interface: asked.interface }));
    if (found.authorityId !== undefined && found.authorityId !== authorityId) {
      throw new AppError('certificate-unknown', 'The device takes certificates of another authority only.');
    }
    const device = this.welcome(found, asked, at, overlap(ofChain, timeOf(state)));
    uses.note(tenantId, authorityId, at);
    return { ...device, authorityId, authorityVersion: version };
  }

  /** Whether what live connections came by opens the door now. */
  async check({ uses, interface: door }: CheckCredentials): Promise<boolean[]> {
    const { database, store } = this.parts;
    const at = new Date().toISOString();
    const found = new Map(
      (await credentialsWith(database, uses)).map((one) => [`${one.tenantId} ${one.credentialId}`, one]),
    );
    const byAuthority = uses.filter(({ authorityId }) => authorityId != null);
    const authorities = await store.loadMany(
      certificateAuthority,
      byAuthority.map(({ tenantId, authorityId = '' }) => ({ tenantId, id: authorityId })),
    );
    const stateOf = new Map(byAuthority.map((use, index) => [use, authorities[index]?.state]));
    return uses.map((use) => {
      const credential = found.get(`${use.tenantId} ${use.credentialId}`);
      const authority = stateOf.get(use);
      try {
        if (credential?.deviceId !== use.deviceId) return false;
        assertOpens(credential, door, at);
        if (use.authorityId != null && authority?.status !== 'existing') return false;
        if (authority?.status === 'existing') assertOpen(authority, at);
        return true;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return false;
      }
    });
  }

  /** Throws `credential-unknown`, `too-many-requests`, `unavailable`. */
  private async rightOne(
    fitting: readonly FittingCredential[],
    { username, password }: ShownPassword,
    { remoteAddress }: Asked,
  ): Promise<FittingCredential> {
    const withHash = fitting.flatMap((one) => (one.hash === undefined ? [] : [{ one, hash: one.hash }]));
    // Before guesses are counted: who guesses at a name must not keep out the device that has it and was here lately.
    const known = withHash.find(({ hash }) => this.verified.has(hash, password));
    if (known !== undefined) return known.one;
    const check = (): void => {
      if (remoteAddress != null) this.byAddress.check(networkOf(remoteAddress));
      // Of names that nobody has, none is remembered: they are without number.
      if (withHash.length > 0) this.byName.check(username);
    };
    check();
    for (const { one, hash } of withHash) {
      if (await this.isRight(password, hash, check)) {
        this.verified.add(hash, password);
        return one;
      }
    }
    if (remoteAddress != null) this.byAddress.wrong(networkOf(remoteAddress));
    if (withHash.length > 0) this.byName.wrong(username);
    throw new AppError('credential-unknown', 'The user name is unknown or the password is wrong.');
  }

  /** `check` again when its turn has come: of many who guess at once, those before it are counted by then. */
  private async isRight(password: string, hash: string, check: () => void): Promise<boolean> {
    if (isFast(hash)) return isPassword(password, hash);
    if (this.line.length >= this.parts.limits.passwordsWaiting) {
      throw new AppError('unavailable', 'Too many passwords are being checked.', { retryAfterSeconds: 5 });
    }
    return this.line.run(async () => {
      check();
      // The same password of the same device may have waited more than once.
      return this.verified.has(hash, password) || isPassword(password, hash);
    });
  }

  private welcome(found: FittingCredential, asked: Asked, at: string, shown: Validity): AuthenticatedDevice {
    assertOpens(found, asked.interface, at);
    const { tenantId, deviceId, credentialId, kind, deviceVersion, tokens } = found;
    if (kind === 'secret') throw new Error('a secret is no credential of a door that asks');
    this.parts.uses.note(tenantId, credentialId, at);
    const { validUntil = null } = overlap(found, shown);
    return { tenantId, deviceId, credentialId, kind, deviceVersion, tokens: [...tokens], validUntil };
  }

  private async counted(
    method: 'password' | 'certificate',
    { clientId, remoteAddress }: Asked,
    run: (at: string) => Promise<AuthenticatedDevice>,
  ): Promise<AuthenticatedDevice> {
    try {
      const device = await run(new Date().toISOString());
      this.outcomes.inc({ method, outcome: 'welcome' });
      return device;
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'internal';
      this.outcomes.inc({ method, outcome: code });
      // The detail holds no secret; a wrong password may be one of another system, so the user name is not shown either.
      if (error instanceof AppError) {
        this.parts.logger.info(
          { method, code, reason: error.detail, clientId, remoteAddress },
          'a device was refused',
        );
      }
      throw error;
    }
  }
}

const untrusted = (): AppError =>
  new AppError('certificate-untrusted', 'No authority that is registered here has signed the certificate.');
