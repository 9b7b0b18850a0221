import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId, type Actor, type Done } from '@muster/contracts';
import {
  firmwareValues,
  getDownloadToken,
  issueDownloadToken,
  listDownloadTokens,
  revokeDownloadToken,
  type DownloadTokenInput,
  type DownloadTokenPage,
  type DownloadTokenRef,
  type DownloadTokenView,
  type FirmwareValues,
  type GetFirmwareValues,
  type IssueDownloadToken,
  type IssuedDownloadToken,
  type ListDownloadTokens,
  type RevokeDownloadToken,
} from '@muster/contracts/firmware/downloads.requests';
import { resolveDownload, type FileToSend, type ResolveDownload } from '@muster/contracts/firmware/requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import type pg from 'pg';
import { FirmwareTypes } from '../firmware-type/firmware-types.projection.js';
import { Firmwares } from '../firmware/firmwares.projection.js';
import { SETTINGS, type Settings } from '../providers.js';
import { newToken } from '../secret-token.js';
import { assertKeysApart, configurationOf, expectedStateOf } from './campaign-values.js';
import { DeviceDownloads } from './device-downloads.js';
import { downloadToken } from './download-token.decider.js';
import { OperatorTokens } from './operator-tokens.projection.js';

@Controller()
export class DownloadTokenHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(FirmwareTypes) private readonly types: FirmwareTypes,
    @Inject(Firmwares) private readonly firmwares: Firmwares,
    @Inject(OperatorTokens) private readonly tokens: OperatorTokens,
    @Inject(DeviceDownloads) private readonly downloads: DeviceDownloads,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  @Handles(issueDownloadToken)
  async issue(request: IssueDownloadToken): Promise<IssuedDownloadToken> {
    const { tenantId, actor, firmwareId, downloadToken: input, idempotencyKey } = request;
    await this.firmwares.get(tenantId, firmwareId); // throws when there is none
    return idempotently<IssuedDownloadToken>(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: issueDownloadToken.subject, firmwareId, ...input },
      run: (tx) => this.make(tx, { tenantId, actor, firmwareId, input }),
      kept: (issued) => ({ ...issued, token: undefined }),
    });
  }

  @Handles(listDownloadTokens)
  async list(request: ListDownloadTokens): Promise<DownloadTokenPage> {
    const { tenantId, firmwareId, cursor, count, limit = DEFAULT_PAGE } = request;
    await this.firmwares.get(tenantId, firmwareId); // throws when there is none
    const [before] = decodeCursor('download-tokens', cursor, [TEXT]) ?? [];
    const found = await this.tokens.list(tenantId, firmwareId, before, limit + 1);
    return {
      ...pageBy('download-tokens', found, limit, ({ id }) => [id]),
      ...(count === true ? { total: await this.tokens.count(tenantId, firmwareId) } : {}),
    };
  }

  @Handles(getDownloadToken)
  get({ tenantId, firmwareId, tokenId }: DownloadTokenRef): Promise<DownloadTokenView> {
    return this.tokens.get(tenantId, firmwareId, tokenId);
  }

  @Handles(revokeDownloadToken)
  async revoke({ tenantId, actor, firmwareId, tokenId }: RevokeDownloadToken): Promise<Done> {
    await this.store.execute(downloadToken, {
      tenantId,
      id: tokenId,
      command: { type: 'RevokeDownloadToken', firmwareId, at: now() },
      metadata: { actor },
    });
    return {};
  }

  @Handles(firmwareValues)
  async values(request: GetFirmwareValues): Promise<FirmwareValues> {
    const { tenantId, actor, firmwareIds, downloadToken: input = {} } = request;
    const all = await Promise.all(
      firmwareIds.map(async (id) => {
        const firmware = await this.firmwares.get(tenantId, id);
        return { firmware, type: await this.types.find(tenantId, firmware.firmwareTypeId) };
      }),
    );
    assertKeysApart(all);
    const made = await this.database.transaction(async (tx) => {
      const made = [];
      for (const one of all) {
        const { id: firmwareId } = one.firmware;
        const issued = await this.make(tx, { tenantId, actor, firmwareId, input });
        made.push({ ...one, issued, token: issued.token });
      }
      return made;
    });
    return {
      configurations: configurationOf(made),
      expectedStates: expectedStateOf(made),
      deviceTypeIds: [...new Set(made.map(({ firmware }) => firmware.deviceTypeId))],
      firmwares: made.map(({ firmware: { id, version, firmwareType, deviceTypeId }, issued }) => ({
        firmwareId: id,
        ...{ version, firmwareType, deviceTypeId },
        tokenId: issued.id,
        tokenExpiresAt: issued.expiresAt,
      })),
    };
  }

  @Handles(resolveDownload)
  async resolve({ token, firmwareId }: ResolveDownload): Promise<FileToSend> {
    const file = await this.firmwares.fileOf(firmwareId);
    if (file !== undefined) {
      const { tenantId } = file;
      if (await this.downloads.opens(token, { tenantId, firmwareId })) return file;
      if ((await this.tokens.tenantOf(token, firmwareId)) === tenantId) return file;
    }
    throw new AppError('not-allowed', 'The download token is not valid, or not any more.');
  }

  private async make(
    tx: pg.PoolClient,
    of: { tenantId: string; actor: Actor; firmwareId: string; input: DownloadTokenInput },
  ): Promise<DownloadTokenView & { readonly token: string }> {
    const { tenantId, actor, firmwareId } = of;
    const { name, ttlSeconds = this.settings.operatorTokenSeconds } = of.input;
    const id = newId();
    const token = newToken();
    await this.store.execute(downloadToken, {
      tenantId,
      id,
      command: {
        type: 'IssueDownloadToken',
        firmwareId,
        ttlSeconds,
        ...(name === undefined ? {} : { name }),
        at: now(),
      },
      metadata: { actor },
      within: tx,
    });
    await this.tokens.keepText(tx, tenantId, id, token);
    return { ...(await this.tokens.get(tenantId, firmwareId, id, tx)), token };
  }
}

const now = (): string => new Date().toISOString();
