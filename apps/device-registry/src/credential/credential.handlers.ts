import { Controller, Inject } from '@nestjs/common';
import { AppError, newId } from '@muster/contracts';
import {
  changeCredentialStatus,
  issueCredential,
  listCredentials,
  type ChangeCredentialStatus,
  type CredentialList,
  type DeviceCredential,
  type IssueCredential,
  type IssuedCredential,
} from '@muster/contracts/device-registry/credentials.requests';
import type { DeviceRef } from '@muster/contracts/device-registry/devices.requests';
import { idempotently, type Database, type EventStore, type Queryable } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import { credentialsOf } from './credential.projection.js';
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
  async list({ tenantId, deviceId }: DeviceRef): Promise<CredentialList> {
    const items = await credentialsOf(this.database, tenantId, deviceId);
    if (items.length === 0) await viewDevice(this.database, tenantId, deviceId); // throws when there is no such device
    return { items };
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
  const found = (await credentialsOf(from, tenantId, deviceId)).find((one) => one.id === credentialId);
  if (found === undefined) throw new AppError('device-not-found', 'There is no such device.');
  return found;
};
