import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
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
  MAX_TAGS,
  NAME_MESSAGE,
  NAME_RULE,
  Page,
  PageRequest,
  TenantRequest,
} from '../fields.js';
import { MAX_PEM_LENGTH } from './credential-input.js';
import { IsFolder } from './folder-path.js';

/** `unverified`: nobody has shown yet that the tenant has its key. A revoked one stays revoked. */
export const AUTHORITY_STATUSES = ['unverified', 'active', 'suspended', 'revoked'] as const;
export type AuthorityStatus = (typeof AUTHORITY_STATUSES)[number];

/** Where a certificate names its device. */
export const SUBJECT_SOURCES = ['cn', 'san-dns', 'san-uri', 'san-email'] as const;
export type SubjectSource = (typeof SUBJECT_SOURCES)[number];
/** What it names it by. `credential`: only by a credential of kind `ca-signed` that an operator has made. */
export const SUBJECT_MEANINGS = ['name', 'serialNumber', 'credential'] as const;
export type SubjectMeaning = (typeof SUBJECT_MEANINGS)[number];

export const MAX_ENROLLED = 1_000_000;

/** What devices become that enrol. */
export class EnrolledAs {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  /** Name. Default: the type's newest at that time. */
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  appVersion?: string;

  /** Default: `/`. One that is not there is made. Follows when the folder is renamed or moved. */
  @IsOptional()
  @IsFolder()
  folder?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_TAGS)
  @ArrayUnique()
  @Matches(NAME_RULE, { each: true, message: 'each value must match [A-Za-z0-9_-]{1,64}' })
  tags?: string[];
}

/** What devices become that are not known yet. */
export class EnrolmentRule extends EnrolledAs {
  @IsBoolean()
  enabled!: boolean;

  /** How many devices may enrol by it in all. Default: as many as come. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_ENROLLED)
  limit?: number;
}

/** How the subject of a certificate names its device. Default: its CN is the device's name. */
export class SubjectRule {
  @IsIn(SUBJECT_SOURCES)
  from!: SubjectSource;

  @IsIn(SUBJECT_MEANINGS)
  is!: SubjectMeaning;
}

export class CertificateAuthorityInput {
  /** Unique in the tenant. */
  @IsName(128)
  name!: string;

  /** PEM, from `-----BEGIN CERTIFICATE-----` on: a certificate that may sign others. */
  @IsString()
  @Length(1, MAX_PEM_LENGTH)
  certificate!: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => SubjectRule)
  subject?: SubjectRule;

  @IsOptional()
  @ValidateNested()
  @Type(() => EnrolmentRule)
  enrolment?: EnrolmentRule;

  /** Default, and at the earliest: as its certificate says. */
  @IsOptional()
  @IsTime()
  validFrom?: string;

  /** Default, and at the latest: as its certificate says. */
  @IsOptional()
  @IsTime()
  validUntil?: string;
}

/** Merge: what is absent stays. */
export class CertificateAuthorityEdit {
  @IsOptional()
  @IsName(128)
  name?: string;

  /** Not before it is verified, but `revoked`, which is final. */
  @IsOptional()
  @IsIn(['active', 'suspended', 'revoked'])
  status?: 'active' | 'suspended' | 'revoked';

  @IsOptional()
  @ValidateNested()
  @Type(() => SubjectRule)
  subject?: SubjectRule;

  /** Replaces the whole rule; the count of those who enrolled goes on. */
  @IsOptional()
  @NullRemoves()
  @ValidateNested()
  @Type(() => EnrolmentRule)
  enrolment?: EnrolmentRule | null;

  @IsOptional()
  @NullRemoves()
  @IsTime()
  validFrom?: string | null;

  @IsOptional()
  @NullRemoves()
  @IsTime()
  validUntil?: string | null;
}

export class CertificateAuthorityVerification {
  /** PEM: a certificate whose CN is the authority's `verificationCode`, signed by the authority's key. */
  @IsString()
  @Length(1, MAX_PEM_LENGTH)
  certificate!: string;
}

export class EnrolmentView extends EnrolmentRule {
  @IsInt()
  enrolled!: number;
}

export class CertificateAuthorityView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  @IsIn(AUTHORITY_STATUSES)
  status!: AuthorityStatus;

  /** Of its certificate, in hexadecimal. */
  @IsString()
  sha256!: string;

  /** Of its certificate, as `CN=…, O=…`. */
  @IsString()
  distinguishedName!: string;

  /** The certificate's own, or a narrower one that was given. */
  @IsISO8601()
  validFrom!: string;

  @IsISO8601()
  validUntil!: string;

  /** While it is unverified: the CN of the certificate that shows the possession of its key. */
  @IsOptional()
  @IsString()
  verificationCode?: string;

  @ValidateNested()
  @Type(() => SubjectRule)
  subject!: SubjectRule;

  @IsOptional()
  @ValidateNested()
  @Type(() => EnrolmentView)
  enrolment?: EnrolmentView;

  /** When a device last came with a certificate of it, to within a minute. */
  @IsOptional()
  @IsISO8601()
  lastUsedAt?: string;

  /** Raised by every change, and by every device that enrols; the `ETag`. */
  @IsInt()
  version!: number;

  @IsISO8601()
  createdAt!: string;
}

export class CertificateAuthorityPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => CertificateAuthorityView)
  items!: CertificateAuthorityView[];
}

export class RegisterCertificateAuthority extends CreateRequest {
  @ValidateNested()
  @Type(() => CertificateAuthorityInput)
  authority!: CertificateAuthorityInput;
}

export class CertificateAuthorityRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  authorityId!: string;
}

export class ListCertificateAuthorities extends PageRequest {}

export class VerifyCertificateAuthority extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  authorityId!: string;

  @ValidateNested()
  @Type(() => CertificateAuthorityVerification)
  verification!: CertificateAuthorityVerification;
}

export class EditCertificateAuthority extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  authorityId!: string;

  @ValidateNested()
  @Type(() => CertificateAuthorityEdit)
  edit!: CertificateAuthorityEdit;
}

export class DeleteCertificateAuthority extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  authorityId!: string;
}

/** Opens nothing until the possession of its key is shown. */
export const registerCertificateAuthority = defineRequest({
  subject: 'muster.v1.service.device-registry.certificate-authority.register',
  request: RegisterCertificateAuthority,
  reply: CertificateAuthorityView,
  errors: [
    'invalid-request',
    'device-type-not-found',
    'app-version-not-found',
    'certificate-authority-name-taken',
    'certificate-authority-exists',
    'folder-moving',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

/** Again for one that is verified: nothing happens. */
export const verifyCertificateAuthority = defineRequest({
  subject: 'muster.v1.service.device-registry.certificate-authority.verify',
  request: VerifyCertificateAuthority,
  reply: CertificateAuthorityView,
  errors: [
    'invalid-request',
    'certificate-authority-not-found',
    'certificate-authority-status',
    'certificate-authority-exists',
    'possession-not-shown',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

export const getCertificateAuthority = defineRequest({
  subject: 'muster.v1.service.device-registry.certificate-authority.get',
  request: CertificateAuthorityRef,
  reply: CertificateAuthorityView,
  errors: ['certificate-authority-not-found'],
  idempotent: true,
});

/** Oldest first. */
export const listCertificateAuthorities = defineRequest({
  subject: 'muster.v1.service.device-registry.certificate-authority.list',
  request: ListCertificateAuthorities,
  reply: CertificateAuthorityPage,
  errors: ['invalid-request'],
  idempotent: true,
});

export const editCertificateAuthority = defineRequest({
  subject: 'muster.v1.service.device-registry.certificate-authority.edit',
  request: EditCertificateAuthority,
  reply: CertificateAuthorityView,
  errors: [
    'invalid-request',
    'device-type-not-found',
    'app-version-not-found',
    'certificate-authority-not-found',
    'certificate-authority-name-taken',
    'certificate-authority-status',
    'folder-moving',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/** Whatever its status: its certificates open nothing from then on. The devices stay. */
export const deleteCertificateAuthority = defineRequest({
  subject: 'muster.v1.service.device-registry.certificate-authority.delete',
  request: DeleteCertificateAuthority,
  reply: Done,
  errors: ['certificate-authority-not-found', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});
