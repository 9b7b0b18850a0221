import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import {
  CREDENTIAL_KINDS,
  CredentialInput,
  MAX_PASSWORD_LENGTH,
  MAX_PEM_LENGTH,
  MIN_PASSWORD_LENGTH,
  SHA256_MESSAGE,
  SHA256_RULE,
  type CredentialKind,
} from './credential-input.js';
import { DeviceRef, INTERFACES, type DeviceInterface } from './devices.requests.js';
import { NullRemoves } from '../described.js';
import { ChangeRequest, CreateRequest, Done, IsTime, Page, PageRequest } from '../fields.js';

/** Only an active one opens something. A revoked credential stays revoked. */
export const CREDENTIAL_STATUSES = ['inactive', 'active', 'suspended', 'revoked'] as const;
export type CredentialStatus = (typeof CREDENTIAL_STATUSES)[number];

/** What a device may be let in by besides its endpoint token. Endpoint tokens are listed on their own. */
export class DeviceCredential {
  @IsString()
  id!: string;

  @IsIn(CREDENTIAL_KINDS)
  kind!: CredentialKind;

  /** As it was set. Whether it opens something depends on its time as well, and on the device's status. */
  @IsIn(CREDENTIAL_STATUSES)
  status!: CredentialStatus;

  /** Absent: since it was issued. */
  @IsOptional()
  @IsISO8601()
  validFrom?: string;

  /** Absent: without an end. */
  @IsOptional()
  @IsISO8601()
  validUntil?: string;

  /** To within a minute. Absent: never. Not known of certificates that are shown to an IoT Hub: see when the device was last seen. */
  @IsOptional()
  @IsISO8601()
  lastUsedAt?: string;

  /** With kind `password`. */
  @IsOptional()
  @IsString()
  username?: string;

  /** With kind `self-signed`. */
  @IsOptional()
  @IsString()
  sha256?: string;

  /** With kind `ca-signed`. */
  @IsOptional()
  @IsString()
  subject?: string;

  /** With kind `ca-signed`, where certificates of one authority alone count. */
  @IsOptional()
  @IsString()
  authorityId?: string;

  @IsISO8601()
  createdAt!: string;
}

/** As its creator gets it: the only time what is secret is shown. */
export class IssuedCredential extends DeviceCredential {
  /** 32 random bytes as base64url: 43 characters. Absent in the answer to a repetition with the same `Idempotency-Key`. */
  @IsOptional()
  @IsString()
  secret?: string;

  /** Where it was generated; made and shown as a secret is. */
  @IsOptional()
  @IsString()
  password?: string;
}

export class CredentialList extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DeviceCredential)
  items!: DeviceCredential[];
}

/** Merge: what is absent stays. */
export class CredentialEdit {
  @IsOptional()
  @IsIn(['active', 'suspended', 'revoked'])
  status?: 'active' | 'suspended' | 'revoked';

  @IsOptional()
  @NullRemoves()
  @IsTime()
  validFrom?: string | null;

  @IsOptional()
  @NullRemoves()
  @IsTime()
  validUntil?: string | null;
}

export const MAX_OVERLAP_SECONDS = 31_536_000;

/** What comes in its place; of the same kind, with the same user name. */
export class CredentialRotation {
  /** How long the one before still opens what it did. 0: it is revoked at once. Default: a day. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_OVERLAP_SECONDS)
  overlapSeconds?: number;

  /** Of a password. Default: generated. */
  @IsOptional()
  @IsString()
  @Length(MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH)
  password?: string;

  /** Of a self-signed certificate: PEM. Or `sha256`. */
  @IsOptional()
  @IsString()
  @Length(1, MAX_PEM_LENGTH)
  certificate?: string;

  @IsOptional()
  @Matches(SHA256_RULE, SHA256_MESSAGE)
  sha256?: string;
}

export class IssueCredential extends CreateRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** Of any kind but `token`, which is issued as a token. */
  @ValidateNested()
  @Type(() => CredentialInput)
  credential!: CredentialInput;
}

export class EditCredential extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 64)
  credentialId!: string;

  @ValidateNested()
  @Type(() => CredentialEdit)
  edit!: CredentialEdit;
}

export class RotateCredential extends CreateRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 64)
  credentialId!: string;

  @ValidateNested()
  @Type(() => CredentialRotation)
  rotation!: CredentialRotation;
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
 * Another credential. Of a kind two may be open at a time, the one a device uses and the one it is about to use; a third is
 * `credential-limit-reached`.
 */
export const issueCredential = defineRequest({
  subject: 'muster.v1.service.device-registry.credential.issue',
  request: IssueCredential,
  reply: IssuedCredential,
  errors: [
    'device-not-found',
    'credential-limit-reached',
    'certificate-authority-not-found',
    'username-taken',
    'certificate-taken',
    'subject-taken',
    'invalid-request',
    'concurrent-change',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

/** A new one beside an old one, whose time ends with the overlap; in one step. */
export const rotateCredential = defineRequest({
  subject: 'muster.v1.service.device-registry.credential.rotate',
  request: RotateCredential,
  reply: IssuedCredential,
  errors: [
    'device-not-found',
    'credential-not-found',
    'credential-status-final',
    'credential-limit-reached',
    'certificate-taken',
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
export const editCredential = defineRequest({
  subject: 'muster.v1.service.device-registry.credential.edit',
  request: EditCredential,
  reply: DeviceCredential,
  errors: [
    'device-not-found',
    'credential-not-found',
    'credential-status-final',
    'invalid-request',
    'concurrent-change',
  ],
  idempotent: true,
});

/** What MQTT carries in CONNECT. */
export class ShownPassword {
  @IsString()
  @Length(1, 256)
  username!: string;

  @IsString()
  @Length(1, 256)
  password!: string;
}

export const MAX_CHAIN = 5;
export const MAX_CERTIFICATE_LENGTH = 16_384;

/**
 * What a client has shown in its TLS handshake. That it has the key of the first certificate is known to who shook hands and
 * is not checked again; everything else about the chain is.
 */
export class ShownCertificate {
  /** The device's own first; each as PEM, or its DER in base64. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_CHAIN)
  @IsString({ each: true })
  @MaxLength(MAX_CERTIFICATE_LENGTH, { each: true })
  chain!: string[];
}

/** Either `password` or `certificate`. */
export class AuthenticateDevice {
  @IsOptional()
  @ValidateNested()
  @Type(() => ShownPassword)
  password?: ShownPassword;

  @IsOptional()
  @ValidateNested()
  @Type(() => ShownCertificate)
  certificate?: ShownCertificate;

  /** The door at which it was shown. */
  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  /** For the log. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  clientId?: string;

  /** Where it comes from. Guesses are slowed by it. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  remoteAddress?: string;
}

/**
 * Who it is. A connection lasts until one of its ids is told of by an event that `opens` nothing and has a higher `version` than
 * is said here, or until `validUntil`.
 */
export class AuthenticatedDevice {
  @IsString()
  tenantId!: string;

  @IsString()
  deviceId!: string;

  @IsString()
  credentialId!: string;

  @IsIn(['password', 'self-signed', 'ca-signed'])
  kind!: 'password' | 'self-signed' | 'ca-signed';

  /** Of the device, at the time of the answer. */
  @IsInt()
  deviceVersion!: number;

  /** With kind `ca-signed`: the authority that vouches for it. */
  @IsOptional()
  @IsString()
  authorityId?: string;

  @IsOptional()
  @IsInt()
  authorityVersion?: number;

  /** The texts of the endpoint tokens that it may use in topics; none of them opens anything for another device. */
  @IsArray()
  @IsString({ each: true })
  tokens!: string[];

  /** When what was shown is over: its credential, its certificate or the authority, whichever is first. Null: never. */
  @ValidateIf(({ validUntil }: AuthenticatedDevice) => validUntil !== null)
  @IsISO8601()
  validUntil!: string | null;
}

/**
 * Whose a password or a certificate is; for doors, which close connections by the events of `published`. Asking again is
 * harmless. A certificate of an authority with an enrolment rule makes the device at the first time, which can take a second.
 *
 * What is revoked in that moment may be told before the answer comes: a door follows the events first, and looks at those
 * that came meanwhile.
 *
 * All but `too-many-requests`, `unavailable` and `deadline-exceeded` are final for what was shown. Wrong passwords are
 * answered with `too-many-requests` after some, without being looked at, per user name and per address; a password that was
 * right a while ago is answered all the same.
 */
export const authenticateDevice = defineRequest({
  subject: 'muster.v1.service.device-registry.credential.authenticate',
  request: AuthenticateDevice,
  reply: AuthenticatedDevice,
  errors: [
    'invalid-request',
    'credential-unknown',
    'credential-inactive',
    'credential-suspended',
    'credential-revoked',
    'credential-expired',
    'credential-not-yet-valid',
    'certificate-invalid',
    'certificate-expired',
    'certificate-not-yet-valid',
    'certificate-untrusted',
    'certificate-unknown',
    'certificate-authority-closed',
    'enrolment-disabled',
    'enrolment-limit-reached',
    'enrolment-refused',
    'device-suspended',
    'device-pending',
    'not-allowed',
    'too-many-requests',
    'concurrent-change',
  ],
  idempotent: true,
});

/** What a live connection came by. */
export class CredentialInUse {
  @IsString()
  tenantId!: string;

  @IsString()
  deviceId!: string;

  @IsString()
  credentialId!: string;

  @IsOptional()
  @IsString()
  authorityId?: string;
}

export const MAX_CHECKED = 500;

export class CheckCredentials {
  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  @IsArray()
  @ArrayMaxSize(MAX_CHECKED)
  @ValidateNested({ each: true })
  @Type(() => CredentialInUse)
  uses!: CredentialInUse[];
}

export class CheckedCredentials {
  /** Whether each opens the door now, in the order of the request. */
  @IsArray()
  @IsBoolean({ each: true })
  open!: boolean[];
}

/** For doors that may have missed events: whether their live connections may stay. The times of certificates are not looked at. */
export const checkCredentials = defineRequest({
  subject: 'muster.v1.service.device-registry.credential.check',
  request: CheckCredentials,
  reply: CheckedCredentials,
  errors: ['invalid-request'],
  idempotent: true,
});
