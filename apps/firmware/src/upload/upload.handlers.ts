import { Controller, Inject } from '@nestjs/common';
import { DEFAULT_PAGE, type Done } from '@muster/contracts';
import type { FileToSend } from '@muster/contracts/firmware/requests';
import {
  deleteUpload,
  getUpload,
  issueUploadToken,
  listUploads,
  registerUpload,
  resolveUpload,
  type DeleteUpload,
  type IssueUploadToken,
  type ListUploads,
  type RegisterUpload,
  type ResolveUpload,
  type UploadGrant,
  type UploadPage,
  type UploadRef,
  type UploadToken,
  type UploadView,
} from '@muster/contracts/firmware/uploads.requests';
import type { EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import { SETTINGS, type Settings } from '../providers.js';
import { upload } from './upload.decider.js';
import { UploadTokens } from './upload-tokens.js';
import { Uploads } from './uploads.projection.js';

@Controller()
export class UploadHandlers {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(Uploads) private readonly uploads: Uploads,
    @Inject(UploadTokens) private readonly tokens: UploadTokens,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  @Handles(issueUploadToken)
  async issueToken({ tenantId, deviceId, tokenId }: IssueUploadToken): Promise<UploadToken> {
    await this.devices.assertKnown({ tenantId, deviceId });
    return this.tokens.issue(tenantId, deviceId, tokenId);
  }

  @Handles(resolveUpload)
  async resolve({ token }: ResolveUpload): Promise<UploadGrant> {
    return {
      ...(await this.tokens.resolve(token)),
      maxBytes: Math.min(this.settings.uploadMaxBytes, this.settings.uploadsKeepBytes),
    };
  }

  @Handles(registerUpload)
  async register({ tenantId, overwrite, ...described }: RegisterUpload): Promise<UploadView> {
    const { deviceId, fileKey: id, name } = described;
    await this.devices.assertKnown({ tenantId, deviceId });
    const metadata = { actor: { kind: 'device', id: deviceId } } as const;
    await this.store.execute(upload, {
      tenantId,
      id,
      command: { type: 'StoreUpload', ...described, at: now() },
      metadata,
    });
    const { view } = await this.uploads.get({ tenantId, deviceId, id });
    const overwrites = overwrite === true ? name : undefined;
    const gone = await this.uploads.givingWay({ tenantId, deviceId, id }, overwrites, {
      count: this.settings.uploadsKeepCount,
      bytes: this.settings.uploadsKeepBytes,
    });
    await this.store.executeMany(
      upload,
      gone.map((one) => ({
        tenantId,
        id: one.id,
        command: { type: 'RemoveUpload', deviceId, reason: one.reason, at: now() },
        metadata,
      })),
    );
    return view;
  }

  @Handles(listUploads)
  async list({ tenantId, deviceId, cursor, count, limit = DEFAULT_PAGE }: ListUploads): Promise<UploadPage> {
    await this.devices.assertKnown({ tenantId, deviceId });
    const found = await this.uploads.list(
      tenantId,
      deviceId,
      decodeCursor('uploads', cursor, [TEXT])?.[0],
      limit + 1,
    );
    return {
      ...pageBy('uploads', found, limit, ({ id }) => [id]),
      ...(count === true ? { total: await this.uploads.count(tenantId, deviceId) } : {}),
    };
  }

  @Handles(getUpload)
  async get({ tenantId, deviceId, uploadId: id }: UploadRef): Promise<FileToSend> {
    return (await this.uploads.get({ tenantId, deviceId, id })).file;
  }

  @Handles(deleteUpload)
  async delete({ tenantId, deviceId, uploadId, actor }: DeleteUpload): Promise<Done> {
    await this.store.execute(upload, {
      tenantId,
      id: uploadId,
      command: { type: 'RemoveUpload', deviceId, reason: 'deleted', at: now() },
      metadata: { actor },
    });
    return {};
  }
}

const now = (): string => new Date().toISOString();
