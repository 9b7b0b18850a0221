import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId, type Done } from '@muster/contracts';
import {
  deleteClaimKey,
  editClaimKey,
  enrolDevice,
  getClaimKey,
  issueClaimKey,
  listClaimKeys,
  type ClaimKeyPage,
  type ClaimKeyRef,
  type ClaimKeyView,
  type DeleteClaimKey,
  type EditClaimKey,
  type EnrolDevice,
  type EnrolledDevice,
  type IssueClaimKey,
  type IssuedClaimKey,
  type ListClaimKeys,
} from '@muster/contracts/device-registry/claim-keys.requests';
import { idempotently, type Database, type EventStore, type Queryable } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import { newSecret } from '../credential/secret.js';
import { findDeviceType } from '../device-type/device-type-list.projection.js';
import { holdFolders } from '../folder/folder-tree.js';
import { Enrolments } from '../enrolment/enrolments.js';
import { countKeys, findClaimKey, keepClaimKey, listKeys } from './claim-key-list.projection.js';
import { claimKey } from './claim-key.decider.js';

const DAY_MS = 86_400_000;
/** As of endpoint tokens. */
const HINT_LENGTH = 4;

@Controller()
export class ClaimKeyHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(Enrolments) private readonly enrolments: Enrolments,
  ) {}

  @Handles(issueClaimKey)
  issue(request: IssueClaimKey): Promise<IssuedClaimKey> {
    const { tenantId, actor, claimKey: input, idempotencyKey } = request;
    return idempotently<IssuedClaimKey>(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: issueClaimKey.subject, request },
      run: async (tx) => {
        const [id, text, now] = [newId(), newSecret(), Date.now()];
        const type = await findDeviceType(tx, tenantId, input.deviceType);
        if (type === undefined) throw new AppError('device-type-not-found', 'There is no such device type.');
        // Null in an optional field passes the contract's rules and means the same as absent.
        const { appVersion } = input;
        if (appVersion != null && !type.appVersions.some((one) => one.name === appVersion)) {
          throw new AppError(
            'app-version-not-found',
            `The device type has no application version "${appVersion}".`,
          );
        }
        await this.store.execute(claimKey, {
          tenantId,
          id,
          metadata: { actor },
          within: tx,
          command: {
            type: 'IssueClaimKey',
            name: input.name,
            hint: text.slice(0, HINT_LENGTH),
            device: {
              deviceTypeId: type.id,
              ...(appVersion == null ? {} : { appVersion }),
              interface: input.interface ?? 'mqtt',
              folder: input.folder ?? '/',
              tags: input.tags ?? [],
            },
            limit: input.limit ?? 1,
            validFrom: input.validFrom,
            validUntil: input.validUntil ?? new Date(now + DAY_MS).toISOString(),
            at: new Date(now).toISOString(),
          },
        });
        await keepClaimKey(tx, { tenantId, id, text });
        // Last: it waits for whoever moves the folder, and the move then finds the key.
        await holdFolders(tx, this.store, { tenantId, actor }, [input.folder ?? '/']);
        return { ...(await view(tx, tenantId, id)), claimKey: text };
      },
      kept: (issued) => ({ ...issued, claimKey: undefined }),
    });
  }

  @Handles(getClaimKey)
  get({ tenantId, claimKeyId }: ClaimKeyRef): Promise<ClaimKeyView> {
    return view(this.database, tenantId, claimKeyId);
  }

  @Handles(listClaimKeys)
  async list({ tenantId, limit: wanted, cursor, count }: ListClaimKeys): Promise<ClaimKeyPage> {
    const limit = wanted ?? DEFAULT_PAGE;
    const [after = ''] = decodeCursor('claim keys', cursor, [TEXT]) ?? [];
    const items = await listKeys(this.database, tenantId, after, limit + 1);
    return {
      ...pageBy('claim keys', items, limit, ({ id }) => [id]),
      ...(count === true ? { total: await countKeys(this.database, tenantId) } : {}),
    };
  }

  @Handles(editClaimKey)
  async edit(request: EditClaimKey): Promise<ClaimKeyView> {
    const { tenantId, actor, expectedVersion, claimKeyId } = request;
    const { name, status, limit, validFrom, validUntil } = request.edit;
    await this.store.execute(claimKey, {
      tenantId,
      id: claimKeyId,
      metadata: { actor },
      expectedVersion,
      command: {
        type: 'EditClaimKey',
        name,
        standing: status,
        limit,
        validFrom,
        validUntil,
        at: new Date().toISOString(),
      },
    });
    return view(this.database, tenantId, claimKeyId);
  }

  @Handles(deleteClaimKey)
  async delete({ tenantId, actor, expectedVersion, claimKeyId }: DeleteClaimKey): Promise<Done> {
    await this.store.execute(claimKey, {
      tenantId,
      id: claimKeyId,
      metadata: { actor },
      expectedVersion,
      command: { type: 'DeleteClaimKey' },
    });
    return {};
  }

  @Handles(enrolDevice)
  enrol({ enrolment, remoteAddress }: EnrolDevice): Promise<EnrolledDevice> {
    return this.enrolments.byClaimKey(enrolment, remoteAddress);
  }
}

const view = async (from: Queryable, tenantId: string, id: string): Promise<ClaimKeyView> => {
  const found = await findClaimKey(from, tenantId, id);
  if (found === undefined) throw new AppError('claim-key-not-found', 'There is no such claim key.');
  return found;
};
