import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, type Actor, type Done } from '@muster/contracts';
import {
  deleteCredential,
  editCredential,
  getCredential,
  issueCredential,
  listCredentials,
  rotateCredential,
  type CredentialList,
  type CredentialRef,
  type DeleteCredential,
  type DeviceCredential,
  type EditCredential,
  type IssueCredential,
  type IssuedCredential,
  type ListCredentials,
  type RotateCredential,
} from '@muster/contracts/device-registry/credentials.requests';
import { idempotently, type Database, type EventStore, type Queryable } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import type pg from 'pg';
import { findAuthority } from '../certificate-authority/certificate-authority-list.projection.js';
import { viewDevice } from '../device/device-list.projection.js';
import { device, type DeviceCommand } from '../device/device.decider.js';
import type { IssuedKind } from '../device/device.events.js';
import { planCredential, planFor, planRotation, type PlannedCredential } from './credential-plan.js';
import { countCredentials, credentialsOf, findCredential } from './credential.projection.js';
import { keepSecret } from './keep-secret.js';

const DAY_SECONDS = 86_400;

@Controller()
export class CredentialHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(issueCredential)
  issue(request: IssueCredential): Promise<IssuedCredential> {
    const { tenantId, deviceId, credential: input, idempotencyKey } = request;
    return idempotently<IssuedCredential, PlannedCredential>(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: issueCredential.subject, request },
      prepare: async () => {
        const { kind } = input;
        if (kind === 'token') throw tokensAreIssuedElsewhere();
        return planCredential('credential', { ...input, kind }, planFor(deviceId));
      },
      run: async (tx, planned) => {
        await assertAuthorityOf(tx, tenantId, planned);
        const at = new Date().toISOString();
        return this.keep(tx, request, planned, { type: 'IssueCredential', ...planned.next, at });
      },
      kept: (issued) => ({ ...issued, secret: undefined, password: undefined }),
    });
  }

  @Handles(rotateCredential)
  rotate(request: RotateCredential): Promise<IssuedCredential> {
    const { tenantId, deviceId, credentialId, rotation, idempotencyKey } = request;
    return idempotently<IssuedCredential, PlannedCredential>(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: rotateCredential.subject, request },
      prepare: async () => {
        const before = await this.existing({ tenantId, deviceId, credentialId });
        return planRotation(rotation, before, planFor(deviceId));
      },
      run: (tx, planned) =>
        this.keep(tx, request, planned, {
          type: 'RotateCredential',
          credentialId,
          next: planned.next,
          overlapSeconds: rotation.overlapSeconds ?? DAY_SECONDS,
          at: new Date().toISOString(),
        }),
      kept: (issued) => ({ ...issued, secret: undefined, password: undefined }),
    });
  }

  private async keep(
    tx: pg.PoolClient,
    { tenantId, actor, deviceId }: { tenantId: string; actor: Actor; deviceId: string },
    planned: PlannedCredential,
    command: DeviceCommand,
  ): Promise<IssuedCredential> {
    await this.store.execute(device, { tenantId, id: deviceId, metadata: { actor }, within: tx, command });
    await keepSecret(tx, { tenantId, deviceId }, planned);
    const issued = await credentialOf(tx, tenantId, deviceId, planned.next.credentialId);
    return { ...issued, ...planned.shown };
  }

  @Handles(listCredentials)
  async list({ tenantId, deviceId, cursor, count, ...request }: ListCredentials): Promise<CredentialList> {
    const limit = request.limit ?? DEFAULT_PAGE;
    const [after] = decodeCursor('credentials', cursor, [TEXT]) ?? [];
    const found = await credentialsOf(this.database, tenantId, deviceId, { after, limit: limit + 1 });
    if (found.length === 0) await viewDevice(this.database, tenantId, deviceId); // throws when there is no such device
    return {
      ...pageBy('credentials', found, limit, ({ id }) => [id]),
      ...(count === true ? { total: await countCredentials(this.database, tenantId, deviceId) } : {}),
    };
  }

  @Handles(getCredential)
  get(ref: CredentialRef): Promise<DeviceCredential> {
    return this.existing(ref);
  }

  @Handles(deleteCredential)
  async delete({ tenantId, actor, deviceId, credentialId }: DeleteCredential): Promise<Done> {
    await this.existing({ tenantId, deviceId, credentialId }); // throws when there is none
    await this.store.execute(device, {
      tenantId,
      id: deviceId,
      metadata: { actor },
      command: { type: 'RemoveCredential', credentialId },
    });
    return {};
  }

  /** Without `expectedVersion`, as for tokens: revoking is final, whatever else of the device has changed. */
  @Handles(editCredential)
  async edit(request: EditCredential): Promise<DeviceCredential> {
    const { tenantId, actor, deviceId, credentialId } = request;
    const { status, validFrom, validUntil } = request.edit;
    await this.store.execute(device, {
      tenantId,
      id: deviceId,
      metadata: { actor },
      command: {
        type: 'EditCredential',
        credentialId,
        status,
        validFrom,
        validUntil,
        at: new Date().toISOString(),
      },
    });
    return credentialOf(this.database, tenantId, deviceId, credentialId);
  }

  private async existing({
    tenantId,
    deviceId,
    credentialId,
  }: CredentialRef): Promise<DeviceCredential & { readonly kind: IssuedKind }> {
    const found = await findCredential(this.database, tenantId, deviceId, credentialId);
    if (found !== undefined) return found;
    await viewDevice(this.database, tenantId, deviceId); // throws when there is no such device
    throw new AppError('credential-not-found', 'The device has no such credential.');
  }
}

/** Throws `certificate-authority-not-found`. */
export const assertAuthorityOf = async (
  tx: Queryable,
  tenantId: string,
  { next }: PlannedCredential,
): Promise<void> => {
  const { authorityId } = next.facts;
  if (authorityId === undefined) return;
  if ((await findAuthority(tx, tenantId, authorityId)) !== undefined) return;
  throw new AppError('certificate-authority-not-found', 'There is no such certificate authority.');
};

/** For a device whose credential is its token: nothing is left to issue but tokens. */
const tokensAreIssuedElsewhere = (): AppError => {
  const [path, message] = ['credential.kind', 'must not be token: endpoint tokens are issued as tokens'];
  return new AppError('invalid-request', `${path} ${message}.`, { errors: [{ path, message }] });
};

const credentialOf = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
  credentialId: string,
): Promise<DeviceCredential> => {
  const found = await findCredential(from, tenantId, deviceId, credentialId);
  if (found === undefined) throw new AppError('device-not-found', 'There is no such device.');
  return found;
};
