import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { ChangeRequest, Done, IsName, Page, PageRequest, TenantRequest } from '../fields.js';
import { FileToSend } from './requests.js';

/** A device asks for leave to upload (bcx). */
export class IssueUploadToken extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** Of the endpoint token the device used: while that is suspended or revoked, what is issued here opens nothing. */
  @IsString()
  @Length(1, 64)
  tokenId!: string;
}

export class UploadToken {
  /** Shown here only; stored as a hash. */
  @IsString()
  token!: string;

  @IsISO8601()
  expiresAt!: string;
}

/** Of no tenant: the token is all that a device shows. */
export class ResolveUpload {
  @IsString()
  @Length(1, 128)
  token!: string;
}

export class UploadGrant {
  @IsString()
  tenantId!: string;

  @IsString()
  deviceId!: string;

  /** Bytes an upload may have. */
  @IsInt()
  maxBytes!: number;
}

export class RegisterUpload extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @Matches(/^[0-9a-f-]{36}$/)
  fileKey!: string;

  /** What the device calls it. */
  @IsName(255)
  name!: string;

  /** Bytes. */
  @IsInt()
  @Min(0)
  size!: number;

  @Matches(/^[0-9a-f]{64}$/)
  sha256!: string;

  @IsOptional()
  @IsString()
  @MaxLength(255)
  contentType?: string;

  /** Earlier uploads of the device with this name are removed. Default: they stay. */
  @IsOptional()
  @IsBoolean()
  overwrite?: boolean;
}

export class UploadView {
  @IsString()
  id!: string;

  @IsString()
  deviceId!: string;

  @IsString()
  name!: string;

  /** Bytes. */
  @IsInt()
  size!: number;

  @IsString()
  sha256!: string;

  /** What the device said it is. */
  @IsOptional()
  @IsString()
  contentType?: string;

  @IsISO8601()
  storedAt!: string;
}

export class UploadRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 64)
  uploadId!: string;
}

/** Newest first. */
export class ListUploads extends PageRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;
}

export class UploadPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => UploadView)
  items!: UploadView[];
}

export class DeleteUpload extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 64)
  uploadId!: string;
}

/** Asked again, another token; all of them work until they expire. */
export const issueUploadToken = defineRequest({
  subject: 'muster.v1.service.firmware.upload-token.issue',
  request: IssueUploadToken,
  reply: UploadToken,
  errors: ['device-not-found', 'token-suspended', 'token-revoked'],
  idempotent: true,
});

/** `not-allowed`: unknown, expired, or the device or its endpoint token is no longer what it was. */
export const resolveUpload = defineRequest({
  subject: 'muster.v1.service.firmware.upload-token.resolve',
  request: ResolveUpload,
  reply: UploadGrant,
  errors: ['not-allowed'],
  idempotent: true,
});

/** The same file key again: the first answer again. */
export const registerUpload = defineRequest({
  subject: 'muster.v1.service.firmware.upload.register',
  request: RegisterUpload,
  reply: UploadView,
  errors: ['device-not-found', 'file-not-found', 'concurrent-change'],
  idempotent: true,
});

export const listUploads = defineRequest({
  subject: 'muster.v1.service.firmware.upload.list',
  request: ListUploads,
  reply: UploadPage,
  errors: ['device-not-found', 'invalid-request'],
  idempotent: true,
});

export const getUpload = defineRequest({
  subject: 'muster.v1.service.firmware.upload.get',
  request: UploadRef,
  reply: FileToSend,
  errors: ['file-not-found'],
  idempotent: true,
});

export const deleteUpload = defineRequest({
  subject: 'muster.v1.service.firmware.upload.delete',
  request: DeleteUpload,
  reply: Done,
  errors: ['file-not-found', 'concurrent-change'],
  idempotent: true,
});
