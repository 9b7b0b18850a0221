import { Controller, Inject } from '@nestjs/common';
import { DEFAULT_PAGE, type Done } from '@muster/contracts';
import {
  deleteFirmware,
  editFirmware,
  getFirmware,
  listFirmwares,
  registerFirmware,
  type DeleteFirmware,
  type EditFirmware,
  type FirmwarePage,
  type FirmwareRef,
  type FirmwareView,
  type ListFirmwares,
  type RegisteredFirmware,
  type RegisterFirmware,
} from '@muster/contracts/firmware/requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import { FirmwareTypes } from '../firmware-type/firmware-types.projection.js';
import { hashOf, newToken } from '../secret-token.js';
import { firmware } from './firmware.decider.js';
import { Firmwares } from './firmwares.projection.js';

@Controller()
export class FirmwareHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(FirmwareTypes) private readonly types: FirmwareTypes,
    @Inject(Firmwares) private readonly firmwares: Firmwares,
  ) {}

  @Handles(registerFirmware)
  async register(request: RegisterFirmware): Promise<RegisteredFirmware> {
    const { tenantId, actor, idempotencyKey, fileKey, ...described } = request;
    const type = await this.types.find(tenantId, described.firmwareType);
    const { fileKey: kept } = await idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      // Without the file's key: who repeats an upload has stored the same bytes under another one.
      body: { operation: 'registerFirmware', ...described },
      run: async (tx) => {
        await this.types.hold(tx, tenantId, type.id);
        const { version, name, size, sha256, description, upgradableFrom = [] } = described;
        const { events } = await this.store.execute(firmware, {
          tenantId,
          id: fileKey,
          command: {
            type: 'RegisterFirmware',
            firmwareTypeId: type.id,
            deviceTypeId: type.deviceTypeId,
            fileKey,
            ...{ version, name, size, sha256, upgradableFrom },
            ...(description === undefined ? {} : { description }),
            at: now(),
          },
          metadata: { actor },
          within: tx,
        });
        // Nobody is given it: replicas of the version before find no firmware that has none.
        if (events.length > 0) {
          const token = newToken();
          await tx.query(
            'INSERT INTO download_tokens (tenant_id, firmware_id, token, token_hash) VALUES ($1, $2, $3, $4)',
            [tenantId, fileKey, token, hashOf(token)],
          );
        }
        return { fileKey };
      },
    });
    return { ...(await this.firmwares.get(tenantId, kept)), fileKey: kept };
  }

  @Handles(getFirmware)
  get({ tenantId, firmwareId }: FirmwareRef): Promise<FirmwareView> {
    return this.firmwares.get(tenantId, firmwareId);
  }

  @Handles(listFirmwares)
  async list(request: ListFirmwares): Promise<FirmwarePage> {
    const { tenantId, firmwareType, deviceTypeId, count, limit = DEFAULT_PAGE } = request;
    const type = firmwareType === undefined ? undefined : await this.types.find(tenantId, firmwareType);
    const where = { firmwareTypeId: type?.id, deviceTypeId };
    const found = await this.firmwares.list(tenantId, {
      ...where,
      before: decodeCursor('firmwares', request.cursor, [TEXT])?.[0],
      limit: limit + 1,
    });
    return {
      ...pageBy('firmwares', found, limit, ({ id }) => [id]),
      ...(count === true ? { total: await this.firmwares.count(tenantId, where) } : {}),
    };
  }

  @Handles(editFirmware)
  async edit({ tenantId, firmwareId, edit, expectedVersion, actor }: EditFirmware): Promise<FirmwareView> {
    const expected = expectedVersion === undefined ? {} : { expectedVersion };
    await this.store.execute(firmware, {
      tenantId,
      id: firmwareId,
      command: { type: 'EditFirmware', ...edit, ...expected, at: now() },
      metadata: { actor },
    });
    return this.firmwares.get(tenantId, firmwareId);
  }

  @Handles(deleteFirmware)
  async delete({ tenantId, firmwareId, expectedVersion, actor }: DeleteFirmware): Promise<Done> {
    const expected = expectedVersion === undefined ? {} : { expectedVersion };
    await this.store.execute(firmware, {
      tenantId,
      id: firmwareId,
      command: { type: 'DeleteFirmware', ...expected, at: now() },
      metadata: { actor },
    });
    return {};
  }
}

const now = (): string => new Date().toISOString();
