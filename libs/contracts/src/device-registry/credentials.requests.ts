import { Type } from 'class-transformer';
import { IsArray, IsIn, IsISO8601, IsOptional, IsString, Length, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { CREDENTIAL_KIND, CREDENTIAL_KINDS, DeviceRef, type CredentialKind } from './devices.requests.js';
import { ChangeRequest, CreateRequest, Done, Page, PageRequest } from '../fields.js';

/** A revoked credential stays revoked. */
export const CREDENTIAL_STATUSES = ['active', 'revoked'] as const;
export type CredentialStatus = (typeof CREDENTIAL_STATUSES)[number];

/** What a device may be let in by besides its endpoint token. Endpoint tokens are listed on their own. */
export class DeviceCredential {
  @IsString()
  id!: string;

  @IsIn(CREDENTIAL_KINDS)
  kind!: CredentialKind;

  @IsIn(CREDENTIAL_STATUSES)
  status!: CredentialStatus;

  @IsISO8601()
  createdAt!: string;
}

/** As its creator gets it: the only time the secret is shown. */
export class IssuedCredential extends DeviceCredential {
  /** 32 random bytes as base64url: 43 characters. Absent in the answer to a repetition with the same `Idempotency-Key`. */
  @IsOptional()
  @IsString()
  secret?: string;
}

export class CredentialList extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DeviceCredential)
  items!: DeviceCredential[];
}

export class CredentialEdit {
  @IsIn(CREDENTIAL_STATUSES)
  status!: CredentialStatus;
}

export class IssueCredential extends CreateRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** `secret`, the only one that is issued; `token` is refused with a reason. */
  @IsIn(CREDENTIAL_KINDS, CREDENTIAL_KIND)
  kind!: CredentialKind;
}

export class ChangeCredentialStatus extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 64)
  credentialId!: string;

  @IsIn(CREDENTIAL_STATUSES)
  status!: CredentialStatus;
}

/** Oldest first. */
export class ListCredentials extends PageRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;
}

export class CredentialRef extends DeviceRef {
  @IsString()
  @Length(1, 64)
  credentialId!: string;
}

export class DeleteCredential extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 64)
  credentialId!: string;
}

/**
 * Another secret for an HTTP device. Two may be active at a time, the one a device uses and the one it is about to use; a
 * third is `credential-limit-reached`.
 */
export const issueCredential = defineRequest({
  subject: 'muster.v1.service.device-registry.credential.issue',
  request: IssueCredential,
  reply: IssuedCredential,
  errors: [
    'device-not-found',
    'credential-limit-reached',
    'invalid-request',
    'concurrent-change',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

/** Oldest first, the revoked ones too; empty for a device whose endpoint token is enough. */
export const listCredentials = defineRequest({
  subject: 'muster.v1.service.device-registry.credential.list',
  request: ListCredentials,
  reply: CredentialList,
  errors: ['device-not-found', 'invalid-request'],
  idempotent: true,
});

export const getCredential = defineRequest({
  subject: 'muster.v1.service.device-registry.credential.get',
  request: CredentialRef,
  reply: DeviceCredential,
  errors: ['device-not-found', 'credential-not-found'],
  idempotent: true,
});

/** Takes a revoked credential off the list. */
export const deleteCredential = defineRequest({
  subject: 'muster.v1.service.device-registry.credential.delete',
  request: DeleteCredential,
  reply: Done,
  errors: ['device-not-found', 'credential-not-found', 'credential-not-revoked', 'concurrent-change'],
  idempotent: false,
});

/** Revoking the last one shuts the device out until another is issued. */
export const changeCredentialStatus = defineRequest({
  subject: 'muster.v1.service.device-registry.credential.change-status',
  request: ChangeCredentialStatus,
  reply: DeviceCredential,
  errors: ['device-not-found', 'credential-not-found', 'credential-status-final', 'concurrent-change'],
  idempotent: true,
});
