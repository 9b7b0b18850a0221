import type {
  AuthorityStatus,
  SubjectMeaning,
  SubjectSource,
} from '@muster/contracts/device-registry/certificate-authorities.requests';
import type { StoredEvent } from '@muster/event-store';
import type { Validity } from '../validity.js';

export interface SubjectRule {
  readonly from: SubjectSource;
  readonly is: SubjectMeaning;
}

/** What devices become that are not known yet. */
export interface EnrolmentRule {
  readonly deviceTypeId: string;
  /** Name. Absent: the type's newest when a device enrols. */
  readonly appVersion?: string;
  readonly folder: string;
  readonly tags: readonly string[];
  readonly enabled: boolean;
  /** Absent: as many as come. */
  readonly limit?: number;
}

/** The authority after the event: a published event tells the whole, and the relay sees one event at a time. */
export interface Summary {
  readonly name: string;
  readonly status: AuthorityStatus;
  readonly opens: boolean;
  readonly enrols: boolean;
}

type Fact<Type extends string, Data extends object> = {
  readonly type: Type;
  readonly data: Data & { readonly summary: Summary };
};
type Change<Type extends string, Value> = Fact<Type, { readonly from: Value; readonly to: Value }>;

export type CertificateAuthorityRegistered = Fact<
  'CertificateAuthorityRegistered',
  {
    readonly name: string;
    /** PEM; no secret. */
    readonly certificate: string;
    readonly sha256: string;
    /** As Node writes a subject: one line per part. */
    readonly distinguishedName: string;
    /** Of the certificate. */
    readonly certified: Required<Validity>;
    readonly validity: Validity;
    readonly subject: SubjectRule;
    readonly enrolment: EnrolmentRule | null;
    /** A challenge and no secret: it opens nothing. */
    readonly verificationCode: string;
    readonly registeredAt: string;
  }
>;
export type CertificateAuthorityVerified = Fact<
  'CertificateAuthorityVerified',
  { readonly sha256: string; readonly verifiedAt: string }
>;
export type CertificateAuthorityStatusChanged = Change<'CertificateAuthorityStatusChanged', AuthorityStatus>;
export type CertificateAuthorityRenamed = Change<'CertificateAuthorityRenamed', string>;
export type CertificateAuthoritySubjectRuleChanged = Change<
  'CertificateAuthoritySubjectRuleChanged',
  SubjectRule
>;
/** Null: no rule. */
export type CertificateAuthorityEnrolmentChanged = Change<
  'CertificateAuthorityEnrolmentChanged',
  EnrolmentRule | null
>;
/** Of the narrower time that was given. */
export type CertificateAuthorityValidityChanged = Fact<
  'CertificateAuthorityValidityChanged',
  {
    readonly from: Validity;
    readonly to: Validity;
    /** With what the certificate says. */
    readonly inEffect: Validity;
    readonly changedAt: string;
  }
>;
/** Its time has come. */
export type CertificateAuthorityBegan = Fact<'CertificateAuthorityBegan', { readonly validity: Validity }>;
/** Its time is over. */
export type CertificateAuthorityExpired = Fact<
  'CertificateAuthorityExpired',
  { readonly validity: Validity }
>;
/** A device was made by its rule. */
export type CertificateAuthorityEnrolledDevice = Fact<
  'CertificateAuthorityEnrolledDevice',
  { readonly deviceId: string; readonly subject: string }
>;
export type CertificateAuthorityDeleted = {
  readonly type: 'CertificateAuthorityDeleted';
  readonly data: { readonly name: string };
};

export type CertificateAuthorityEvent =
  | CertificateAuthorityRegistered
  | CertificateAuthorityVerified
  | CertificateAuthorityStatusChanged
  | CertificateAuthorityRenamed
  | CertificateAuthoritySubjectRuleChanged
  | CertificateAuthorityEnrolmentChanged
  | CertificateAuthorityValidityChanged
  | CertificateAuthorityBegan
  | CertificateAuthorityExpired
  | CertificateAuthorityEnrolledDevice
  | CertificateAuthorityDeleted;

/** All events are of schema version 1: read as they are. */
export const upcast = (stored: StoredEvent): CertificateAuthorityEvent => stored as CertificateAuthorityEvent;
