import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId, type Done } from '@muster/contracts';
import {
  changeCredentialStatus,
  deleteCredential,
  getCredential,
  issueCredential,
  listCredentials,
  type ChangeCredentialStatus,
  type CredentialList,
  type CredentialRef,
  type DeleteCredential,
  type DeviceCredential,
  type IssueCredential,
  type IssuedCredential,
  type ListCredentials,
} from '@muster/contracts/device-registry/credentials.requests';
import { idempotently, type Database, type EventStore, type Queryable } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import { countCredentials, credentialsOf, findCredential } from './credential.projection.js';
import { viewDevice } from '../device/device-list.projection.js';
import { device } from '../device/device.decider.js';
import { keepSecret, newSecret } from './secret.js';

@Controller()
export class CredentialHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(issueCredential)
  issue(request: IssueCredential): Promise<IssuedCredential> {
    const { tenantId, actor, deviceId, kind, idempotencyKey } = request;
    return idempotently<IssuedCredential>(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: issueCredential.subject, request },
      run: async (tx) => {
        const [credentialId, secret] = [newId(), newSecret()];
        const at = new Date().toISOString();
        await this.store.execute(device, {
          tenantId,
          id: deviceId,
          metadata: { actor },
          within: tx,
          command: { type: 'IssueCredential', credentialId, kind, at },
        });
        await keepSecret(tx, { tenantId, deviceId, credentialId, secret });
        return { ...(await credentialOf(tx, tenantId, deviceId, credentialId)), secret };
      },
      kept: (issued) => ({ ...issued, secret: undefined }),
    });
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
  async get({ tenantId, deviceId, credentialId }: CredentialRef): Promise<DeviceCredential> {
    const found = await findCredential(this.database, tenantId, deviceId, credentialId);
    if (found !== undefined) return found;
    await viewDevice(this.database, tenantId, deviceId); // throws when there is no such device
    throw new AppError('credential-not-found', 'The device has no such credential.');
  }

  @Handles(deleteCredential)
  async delete({ tenantId, actor, deviceId, credentialId }: DeleteCredential): Promise<Done> {
    await this.get({ tenantId, deviceId, credentialId }); // throws when there is none
    await this.store.execute(device, {
      tenantId,
      id: deviceId,
      metadata: { actor },
      command: { type: 'RemoveCredential', credentialId },
    });
    return {};
  }

  /** Without `expectedVersion`, as for tokens: revoking is final, whatever else of the device has changed. */
  @Handles(changeCredentialStatus)
  async changeStatus(request: ChangeCredentialStatus): Promise<DeviceCredential> {
    const { tenantId, actor, deviceId, credentialId, status } = request;
    await this.store.execute(device, {
      tenantId,
      id: deviceId,
      metadata: { actor },
      command: { type: 'ChangeCredentialStatus', credentialId, status },
    });
    return credentialOf(this.database, tenantId, deviceId, credentialId);
  }
}

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
