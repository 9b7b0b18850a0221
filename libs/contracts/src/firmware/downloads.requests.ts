import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import {
  Actor,
  ChangeRequest,
  CreateRequest,
  Done,
  IsName,
  Page,
  PageRequest,
  TenantRequest,
  type JsonObject,
} from '../fields.js';

/** A year and a day: longer than any campaign waits for its devices. */
export const DOWNLOAD_TOKEN_MAX_SECONDS = 366 * 86_400;
export const DOWNLOAD_TOKEN_MIN_SECONDS = 60;

/** Firmwares in one campaign; each has keys of its own. */
export const CAMPAIGN_FIRMWARES_MAX = 20;

/** What an operator says of a token that opens a firmware for many devices, as a campaign writes one. */
export class DownloadTokenInput {
  /** What it is for. */
  @IsOptional()
  @IsName(255)
  name?: string;

  /** How long it opens the file. Default: as the service `firmware` is configured, 30 days. */
  @IsOptional()
  @IsInt()
  @Min(DOWNLOAD_TOKEN_MIN_SECONDS)
  @Max(DOWNLOAD_TOKEN_MAX_SECONDS)
  ttlSeconds?: number;
}

/** Of an operator, not of a device: one for all who get the firmware by it. */
export class DownloadTokenView {
  @IsString()
  id!: string;

  @IsString()
  firmwareId!: string;

  @IsOptional()
  @IsString()
  name?: string;

  @ValidateNested()
  @Type(() => Actor)
  createdBy!: Actor;

  @IsISO8601()
  createdAt!: string;

  /** It opens nothing from then on, and leaves the list. */
  @IsISO8601()
  expiresAt!: string;
}

export class IssuedDownloadToken extends DownloadTokenView {
  /** Shown this once: absent in the answer to a repetition with the same `Idempotency-Key`. */
  @IsOptional()
  @IsString()
  token?: string;
}

export class DownloadTokenPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DownloadTokenView)
  items!: DownloadTokenView[];
}

export class IssueDownloadToken extends CreateRequest {
  @IsString()
  @Length(1, 64)
  firmwareId!: string;

  @ValidateNested()
  @Type(() => DownloadTokenInput)
  downloadToken!: DownloadTokenInput;
}

/** Newest first. */
export class ListDownloadTokens extends PageRequest {
  @IsString()
  @Length(1, 64)
  firmwareId!: string;
}

export class DownloadTokenRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  firmwareId!: string;

  @IsString()
  @Length(1, 64)
  tokenId!: string;
}

export class RevokeDownloadToken extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  firmwareId!: string;

  @IsString()
  @Length(1, 64)
  tokenId!: string;
}

export class GetFirmwareValues extends TenantRequest {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(CAMPAIGN_FIRMWARES_MAX)
  @ArrayUnique()
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  firmwareIds!: string[];

  /** Of the tokens that are made: what they are for and how long they open the files. */
  @IsOptional()
  @ValidateNested()
  @Type(() => DownloadTokenInput)
  downloadToken?: DownloadTokenInput;
}

export class ValuedFirmware {
  @IsString()
  firmwareId!: string;

  @IsString()
  version!: string;

  /** Name. */
  @IsString()
  firmwareType!: string;

  @IsString()
  deviceTypeId!: string;

  /** Of the token that was made for it. */
  @IsString()
  tokenId!: string;

  @IsISO8601()
  tokenExpiresAt!: string;
}

/** What a campaign writes and expects, for the keys of each firmware's type. */
export class FirmwareValues {
  /** `{<versionKey>: version, <urlKey>: url, <tokenKey>: token}` of every firmware. */
  @IsObject()
  configurations!: JsonObject;

  /** `{<versionKey>: version}` of every firmware: what a device that has taken it reports. */
  @IsObject()
  expectedStates!: JsonObject;

  /** Each once: devices of other types have no use for it. */
  @IsArray()
  @IsString({ each: true })
  deviceTypeIds!: string[];

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ValuedFirmware)
  firmwares!: ValuedFirmware[];
}

export const issueDownloadToken = defineRequest({
  subject: 'muster.v1.service.firmware.download-token.issue',
  request: IssueDownloadToken,
  reply: IssuedDownloadToken,
  errors: ['firmware-not-found', 'invalid-request', 'idempotency-key-reused', 'concurrent-change'],
  idempotent: false,
});

/** Those that open the file now: neither expired nor revoked. Never with their text. */
export const listDownloadTokens = defineRequest({
  subject: 'muster.v1.service.firmware.download-token.list',
  request: ListDownloadTokens,
  reply: DownloadTokenPage,
  errors: ['firmware-not-found', 'invalid-request'],
  idempotent: true,
});

export const getDownloadToken = defineRequest({
  subject: 'muster.v1.service.firmware.download-token.get',
  request: DownloadTokenRef,
  reply: DownloadTokenView,
  errors: ['download-token-not-found'],
  idempotent: true,
});

/** It opens nothing from the next request of a device on. */
export const revokeDownloadToken = defineRequest({
  subject: 'muster.v1.service.firmware.download-token.revoke',
  request: RevokeDownloadToken,
  reply: Done,
  errors: ['download-token-not-found', 'concurrent-change'],
  idempotent: true,
});

/**
 * Values for a campaign that hands out these firmwares. Makes a download token for each, which is listed and can be revoked;
 * asked again, others. `firmware-keys-collide`: two of them set the same key, as two versions of one firmware type do; no
 * token is made then.
 */
export const firmwareValues = defineRequest({
  subject: 'muster.v1.service.firmware.firmware.values',
  request: GetFirmwareValues,
  reply: FirmwareValues,
  errors: ['firmware-not-found', 'firmware-keys-collide', 'concurrent-change'],
  idempotent: false,
});
