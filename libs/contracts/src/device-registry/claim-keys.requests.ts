import { Type } from 'class-transformer';
import {
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { NullRemoves } from '../described.js';
import {
  ChangeRequest,
  CreateRequest,
  Done,
  IsName,
  IsTime,
  Page,
  PageRequest,
  TenantRequest,
} from '../fields.js';
import { EnrolledAs, MAX_ENROLLED } from './certificate-authorities.requests.js';
import { DEVICE_STATUSES, INTERFACES, type DeviceInterface, type DeviceStatus } from './devices.requests.js';

/** A revoked one stays revoked. */
export const CLAIM_KEY_STATUSES = ['active', 'suspended', 'revoked'] as const;
export type ClaimKeyStatus = (typeof CLAIM_KEY_STATUSES)[number];

export class ClaimKeyInput extends EnrolledAs {
  /** Unique in the tenant. */
  @IsName(128)
  name!: string;

  /** Of the devices that enrol: what they get is a password for `mqtt`, a secret for `http`. Default: `mqtt`. */
  @IsOptional()
  @IsIn(['mqtt', 'http'])
  interface?: 'mqtt' | 'http';

  /** How many devices may enrol with it. Default: 1. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_ENROLLED)
  limit?: number;

  /** Default: at once. */
  @IsOptional()
  @IsTime()
  validFrom?: string;

  /** Default: a day after it was issued. */
  @IsOptional()
  @IsTime()
  validUntil?: string;
}

/** Merge: what is absent stays. */
export class ClaimKeyEdit {
  @IsOptional()
  @IsName(128)
  name?: string;

  @IsOptional()
  @IsIn(CLAIM_KEY_STATUSES)
  status?: ClaimKeyStatus;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_ENROLLED)
  limit?: number;

  @IsOptional()
  @NullRemoves()
  @IsTime()
  validFrom?: string | null;

  @IsOptional()
  @IsTime()
  validUntil?: string;
}

export class ClaimKeyView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  /** The first four characters, to tell keys apart; the whole key is shown only when it is issued. */
  @IsString()
  hint!: string;

  @IsIn(CLAIM_KEY_STATUSES)
  status!: ClaimKeyStatus;

  /** Name. */
  @IsString()
  deviceType!: string;

  @IsOptional()
  @IsString()
  appVersion?: string;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  @IsString()
  folder!: string;

  @IsArray()
  @IsString({ each: true })
  tags!: string[];

  @IsInt()
  limit!: number;

  @IsInt()
  enrolled!: number;

  @IsOptional()
  @IsISO8601()
  validFrom?: string;

  @IsISO8601()
  validUntil!: string;

  /** Raised by every change, and by every device that enrols; the `ETag`. */
  @IsInt()
  version!: number;

  @IsISO8601()
  createdAt!: string;
}

export class IssuedClaimKey extends ClaimKeyView {
  /** Shown this once: absent in the answer to a repetition with the same `Idempotency-Key`. */
  @IsOptional()
  @IsString()
  claimKey?: string;
}

export class ClaimKeyPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ClaimKeyView)
  items!: ClaimKeyView[];
}

export class IssueClaimKey extends CreateRequest {
  @ValidateNested()
  @Type(() => ClaimKeyInput)
  claimKey!: ClaimKeyInput;
}

export class ClaimKeyRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  claimKeyId!: string;
}

export class ListClaimKeys extends PageRequest {}

export class EditClaimKey extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  claimKeyId!: string;

  @ValidateNested()
  @Type(() => ClaimKeyEdit)
  edit!: ClaimKeyEdit;
}

export class DeleteClaimKey extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  claimKeyId!: string;
}

export const issueClaimKey = defineRequest({
  subject: 'muster.v1.service.device-registry.claim-key.issue',
  request: IssueClaimKey,
  reply: IssuedClaimKey,
  errors: [
    'invalid-request',
    'device-type-not-found',
    'app-version-not-found',
    'claim-key-name-taken',
    'folder-moving',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

export const getClaimKey = defineRequest({
  subject: 'muster.v1.service.device-registry.claim-key.get',
  request: ClaimKeyRef,
  reply: ClaimKeyView,
  errors: ['claim-key-not-found'],
  idempotent: true,
});

/** Oldest first. */
export const listClaimKeys = defineRequest({
  subject: 'muster.v1.service.device-registry.claim-key.list',
  request: ListClaimKeys,
  reply: ClaimKeyPage,
  errors: ['invalid-request'],
  idempotent: true,
});

export const editClaimKey = defineRequest({
  subject: 'muster.v1.service.device-registry.claim-key.edit',
  request: EditClaimKey,
  reply: ClaimKeyView,
  errors: [
    'invalid-request',
    'claim-key-not-found',
    'claim-key-name-taken',
    'claim-key-status-final',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/** Whatever its status. The devices that enrolled with it stay. */
export const deleteClaimKey = defineRequest({
  subject: 'muster.v1.service.device-registry.claim-key.delete',
  request: DeleteClaimKey,
  reply: Done,
  errors: ['claim-key-not-found', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});

/** What a device says of itself when it enrols. */
export class EnrolmentInput {
  @IsString()
  @Length(1, 128)
  claimKey!: string;

  /** Unique in the tenant. */
  @IsName(128)
  name!: string;

  @IsOptional()
  @IsName(128)
  serialNumber?: string;
}

export class EnrolDevice {
  @ValidateNested()
  @Type(() => EnrolmentInput)
  enrolment!: EnrolmentInput;

  /** Where it comes from. Guesses are slowed by it. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  remoteAddress?: string;
}

export class EnrolledCredential {
  @IsIn(['password', 'secret'])
  kind!: 'password' | 'secret';

  @IsOptional()
  @IsString()
  username?: string;

  @IsOptional()
  @IsString()
  password?: string;

  @IsOptional()
  @IsString()
  secret?: string;
}

/** All that a device needs to come back as itself. Nobody can see it again. */
export class EnrolledDevice {
  @IsString()
  deviceId!: string;

  /** `pending`: it is let in when an operator has approved it. */
  @IsIn(DEVICE_STATUSES)
  status!: DeviceStatus;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  @IsString()
  appVersion!: string;

  /** The endpoint token. */
  @IsString()
  token!: string;

  @ValidateNested()
  @Type(() => EnrolledCredential)
  credential!: EnrolledCredential;
}

/**
 * Makes a device for who has a claim key; for doors. The same name again with the same key, by a device that has not come yet
 * with what it was given, is given anew, and what was given before opens nothing any more: so an answer that was lost does not
 * lose the device. Otherwise `device-exists`.
 */
export const enrolDevice = defineRequest({
  subject: 'muster.v1.service.device-registry.claim-key.enrol',
  request: EnrolDevice,
  reply: EnrolledDevice,
  errors: [
    'invalid-request',
    'claim-key-unknown',
    'claim-key-closed',
    'enrolment-limit-reached',
    'enrolment-refused',
    'device-exists',
    'too-many-requests',
    'concurrent-change',
  ],
  idempotent: false,
});
