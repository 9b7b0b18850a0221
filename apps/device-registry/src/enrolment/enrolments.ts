import { AppError, newId, wrongToken, type Actor, type ErrorCode } from '@muster/contracts';
import type { EnrolledDevice, EnrolmentInput } from '@muster/contracts/device-registry/claim-keys.requests';
import type { DeviceTypeView } from '@muster/contracts/device-registry/device-types.requests';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import { wrongName } from '@muster/contracts/names';
import type { Database, EventStore } from '@muster/event-store';
import { networkOf } from '@muster/limits';
import { type Logger, type Metrics } from '@muster/observability';
import type pg from 'pg';
import { Guesses } from '../authentication/guesses.js';
import { credentialFor, type FittingCredential } from '../authentication/shown-credential.js';
import {
  assertOpen as assertAuthorityOpen,
  certificateAuthority,
} from '../certificate-authority/certificate-authority.decider.js';
import type { EnrolmentRule, SubjectRule } from '../certificate-authority/certificate-authority.events.js';
import { claimKeyOf } from '../claim-key/claim-key-list.projection.js';
import {
  assertOpen as assertClaimKeyOpen,
  claimKey,
  type ExistingClaimKey,
} from '../claim-key/claim-key.decider.js';
import { planCredential, planFor, type PlannedCredential } from '../credential/credential-plan.js';
import { keepSecret } from '../credential/keep-secret.js';
import { device } from '../device/device.decider.js';
import { provisionWithin, typeFor } from '../device/provision-within.js';
import type { Rules } from '../providers.js';
import { newTokenText } from '../token/token-text.js';
import { deviceWithName, deviceWithSerialNumber, neverUsedCredential } from './enrolled-devices.js';

/** A certificate whose authority is known and open, and whose subject no credential has yet. */
export interface ShownSubject {
  readonly tenantId: string;
  readonly authorityId: string;
  readonly subject: string;
  readonly interface: DeviceInterface;
  readonly at: string;
}

/** Devices that nobody makes by hand: by the rule of an authority, and by claim keys. */
export class Enrolments {
  private readonly guesses: Guesses;
  private readonly outcomes;

  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly store: EventStore;
      readonly rules: Rules;
      readonly guessesPerAddressPerMinute: number;
      readonly logger: Logger;
      readonly metrics: Metrics;
    },
  ) {
    this.guesses = new Guesses(parts.guessesPerAddressPerMinute);
    this.outcomes = parts.metrics.counter(
      'muster_device_enrolments_total',
      'Devices that wanted to enrol, by a certificate or a claim key',
      ['by', 'outcome'],
    );
  }

  /**
   * The credential for a subject that has none: of the device that the authority's rule finds, or of one that it makes. The
   * authority's stream is locked meanwhile, so that many who come at once with one subject find one device.
   */
  byCertificate(shown: ShownSubject): Promise<FittingCredential> {
    const { database } = this.parts;
    const { tenantId, authorityId, subject } = shown;
    return this.counted('certificate', { tenantId, authorityId, subject }, () =>
      database.transaction(async (tx) => {
        await this.attachWithin(tx, shown);
        const found = await credentialFor(tx, tenantId, subject);
        if (found === undefined) throw new Error('a credential was issued and is not there');
        return found;
      }),
    );
  }

  private async attachWithin(tx: pg.PoolClient, shown: ShownSubject): Promise<void> {
    const { store } = this.parts;
    const { tenantId, authorityId, subject, at } = shown;
    const [loaded] = await store.loadMany(certificateAuthority, [{ tenantId, id: authorityId }], {
      within: tx,
      lock: true,
    });
    if (loaded?.state.status !== 'existing') {
      throw new AppError(
        'certificate-untrusted',
        'No authority that is registered here has signed the certificate.',
      );
    }
    assertAuthorityOpen(loaded.state, at);
    // Somebody else was faster, and has ended before the lock was ours.
    if ((await credentialFor(tx, tenantId, subject)) !== undefined) return;
    const { subject: rule, enrolment } = loaded.state;
    const credentialId = newId();
    const deviceId = await meantBy(tx, tenantId, rule, subject);
    if (deviceId !== undefined) {
      const planned = await planCredential(
        'credential',
        { kind: 'ca-signed', subject },
        { credentialId, deviceId, at },
      );
      await store.execute(device, {
        tenantId,
        id: deviceId,
        metadata: { actor: { kind: 'device', id: deviceId } },
        within: tx,
        command: { type: 'IssueCredential', ...planned.next, at },
      });
      return;
    }
    await this.makeByRule(tx, shown, { rule, enrolment, credentialId });
  }

  private async makeByRule(
    tx: pg.PoolClient,
    { tenantId, authorityId, subject, interface: by, at }: ShownSubject,
    {
      rule,
      enrolment,
      credentialId,
    }: {
      readonly rule: SubjectRule;
      readonly enrolment: EnrolmentRule | null;
      readonly credentialId: string;
    },
  ): Promise<void> {
    const { store } = this.parts;
    const deviceId = newId();
    const actor: Actor = { kind: 'device', id: deviceId };
    // First: it says whether one more may be made at all.
    await store.execute(certificateAuthority, {
      tenantId,
      id: authorityId,
      metadata: { actor },
      within: tx,
      command: { type: 'EnrolDevice', deviceId, subject, at },
    });
    const wrong = wrongName(subject, 128);
    if (wrong !== undefined) throw refused(`the subject cannot be its name: it ${wrong}`);
    const token = tokenFor(subject);
    const type = await asRefusal(() => typeFor(tx, tenantId, enrolment?.deviceTypeId ?? ''));
    const planned = await planCredential(
      'credential',
      { kind: 'ca-signed', subject },
      { credentialId, deviceId, at },
    );
    await asRefusal(() =>
      provisionWithin(tx, store, {
        tenantId,
        actor,
        deviceId,
        type,
        rules: this.parts.rules,
        device: {
          name: subject,
          ...(enrolment?.appVersion === undefined ? {} : { appVersion: enrolment.appVersion }),
          interface: by,
          folder: enrolment?.folder ?? '/',
          tags: [...(enrolment?.tags ?? [])],
          ...(rule.is === 'serialNumber' ? { serialNumber: subject } : {}),
        },
        token,
        planned,
        status: statusIn(type),
        enrolledBy: { kind: 'certificate-authority', id: authorityId },
      }),
    );
  }

  async byClaimKey(input: EnrolmentInput, remoteAddress: string | undefined): Promise<EnrolledDevice> {
    const { database, store } = this.parts;
    const found = await claimKeyOf(database, input.claimKey);
    // Not before: of many who ask at once, each would be looked at before one of them is counted.
    if (remoteAddress != null) this.guesses.check(networkOf(remoteAddress));
    return this.counted('claim-key', { ...found, name: input.name, remoteAddress }, async () => {
      if (found === undefined) {
        if (remoteAddress != null) this.guesses.wrong(networkOf(remoteAddress));
        throw new AppError('claim-key-unknown', 'The claim key is unknown.');
      }
      const { tenantId, claimKeyId } = found;
      const { state } = await store.load(claimKey, tenantId, claimKeyId);
      if (state.status !== 'existing') throw new AppError('claim-key-unknown', 'The claim key is unknown.');
      const at = new Date().toISOString();
      assertClaimKeyOpen(state, at);
      return database.transaction((tx) => this.claimWithin(tx, { tenantId, claimKeyId, input, at }));
    });
  }

  private async claimWithin(
    tx: pg.PoolClient,
    claim: {
      readonly tenantId: string;
      readonly claimKeyId: string;
      readonly input: EnrolmentInput;
      readonly at: string;
    },
  ): Promise<EnrolledDevice> {
    const { store } = this.parts;
    const { tenantId, claimKeyId, input, at } = claim;
    const key = { tenantId, id: claimKeyId };
    const [loaded] = await store.loadMany(claimKey, [key], { within: tx, lock: true });
    if (loaded?.state.status !== 'existing')
      throw new AppError('claim-key-unknown', 'The claim key is unknown.');
    const again = await this.givenAnew(tx, claim, loaded.state);
    if (again !== undefined) return again;
    const { device: wanted } = loaded.state;
    const deviceId = newId();
    const actor: Actor = { kind: 'device', id: deviceId };
    await store.execute(claimKey, {
      ...key,
      metadata: { actor },
      within: tx,
      command: { type: 'EnrolDevice', deviceId, name: input.name, at },
    });
    const type = await asRefusal(() => typeFor(tx, tenantId, wanted.deviceTypeId));
    const planned = await this.credentialOf(wanted.interface, deviceId);
    const token = newTokenText();
    const status = statusIn(type);
    const appVersion = await asRefusal(() =>
      provisionWithin(tx, store, {
        tenantId,
        actor,
        deviceId,
        type,
        rules: this.parts.rules,
        device: {
          name: input.name,
          ...(wanted.appVersion === undefined ? {} : { appVersion: wanted.appVersion }),
          interface: wanted.interface,
          folder: wanted.folder,
          tags: [...wanted.tags],
          ...(input.serialNumber == null ? {} : { serialNumber: input.serialNumber }),
        },
        token,
        planned,
        status,
        enrolledBy: { kind: 'claim-key', id: claimKeyId },
      }),
    );
    return {
      deviceId,
      status: status ?? 'active',
      interface: wanted.interface,
      appVersion,
      token,
      credential: shownOf(planned),
    };
  }

  /** Of a device that enrolled with this key and has not come yet: its answer may have been lost. */
  private async givenAnew(
    tx: pg.PoolClient,
    {
      tenantId,
      claimKeyId,
      input,
      at,
    }: {
      readonly tenantId: string;
      readonly claimKeyId: string;
      readonly input: EnrolmentInput;
      readonly at: string;
    },
    { device: { interface: by } }: ExistingClaimKey,
  ): Promise<EnrolledDevice | undefined> {
    const { store } = this.parts;
    const before = await neverUsedCredential(tx, { tenantId, claimKeyId, ...input });
    if (before === undefined) return undefined;
    const { deviceId, credentialId, token, status, appVersion } = before;
    const planned = await this.credentialOf(by, deviceId);
    await store.execute(device, {
      tenantId,
      id: deviceId,
      metadata: { actor: { kind: 'device', id: deviceId } },
      within: tx,
      command: { type: 'RotateCredential', credentialId, next: planned.next, overlapSeconds: 0, at },
    });
    await keepSecret(tx, { tenantId, deviceId }, planned);
    return { deviceId, status, interface: by, appVersion, token, credential: shownOf(planned) };
  }

  /** Generated, so no slow hash within the transaction. */
  private credentialOf(by: 'mqtt' | 'http', deviceId: string): Promise<PlannedCredential> {
    return planCredential('credential', { kind: by === 'http' ? 'secret' : 'password' }, planFor(deviceId));
  }

  private async counted<T>(by: 'certificate' | 'claim-key', who: object, run: () => Promise<T>): Promise<T> {
    const { logger } = this.parts;
    try {
      const done = await run();
      this.outcomes.inc({ by, outcome: 'done' });
      return done;
    } catch (error) {
      this.outcomes.inc({ by, outcome: error instanceof AppError ? error.code : 'internal' });
      if (error instanceof AppError) {
        logger.info({ by, ...who, code: error.code, reason: error.detail }, 'a device was not enrolled');
      }
      throw error;
    }
  }
}

/** Where its type says so, a device that enrols waits for an approval. */
export const statusIn = ({ settings }: DeviceTypeView): 'pending' | undefined =>
  settings.enrolmentNeedsApproval === true ? 'pending' : undefined;

const shownOf = ({ next, shown }: PlannedCredential): EnrolledDevice['credential'] => ({
  kind: next.kind === 'secret' ? 'secret' : 'password',
  ...(next.facts.username === undefined ? {} : { username: next.facts.username }),
  ...shown,
});

/** The device that the authority means; undefined: none. */
const meantBy = (
  tx: pg.PoolClient,
  tenantId: string,
  { is }: SubjectRule,
  subject: string,
): Promise<string | undefined> => {
  switch (is) {
    case 'name':
      return deviceWithName(tx, tenantId, subject);
    case 'serialNumber':
      return deviceWithSerialNumber(tx, tenantId, subject);
    case 'credential':
      return Promise.resolve(undefined);
  }
};

/**
 * The endpoint token of a device that nobody can tell it: its subject, with `-` for what a level of a topic cannot have. No
 * secret, and none is needed: the certificate is what opens.
 */
const tokenFor = (subject: string): string => {
  const token = subject.replaceAll(/[.+#/\s]/gu, '-');
  const wrong = wrongToken(token);
  if (wrong !== undefined) throw refused(`the subject cannot be its endpoint token: it ${wrong}`);
  return token;
};

export const refused = (why: string): AppError =>
  new AppError('enrolment-refused', `No device can be made: ${why}.`);

/** What no repetition would change, told as what it is for who enrols. */
export const asRefusal = async <T>(run: () => Promise<T>): Promise<T> => {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const code = REFUSALS[error.code];
    throw code === undefined ? error : new AppError(code, error.detail, { cause: error });
  }
};

const REFUSALS: Partial<Record<ErrorCode, ErrorCode>> = {
  'device-name-taken': 'device-exists',
  'serial-number-taken': 'device-exists',
  'device-type-not-found': 'enrolment-refused',
  'app-version-not-found': 'enrolment-refused',
  'token-taken': 'enrolment-refused',
  'certificate-taken': 'device-exists',
  'subject-taken': 'device-exists',
  'folder-moving': 'unavailable',
};
