import { AppError } from '@muster/contracts';
import type { AuthorityStatus } from '@muster/contracts/device-registry/certificate-authorities.requests';
import { sameJson } from '@muster/contracts/same-json';
import type { Aggregate } from '@muster/event-store';
import { editedValidity, overlap, phaseAt, type Phase, type Validity } from '../validity.js';
import {
  upcast,
  type CertificateAuthorityEvent,
  type EnrolmentRule,
  type SubjectRule,
  type Summary,
} from './certificate-authority.events.js';

export interface ExistingAuthority {
  readonly status: 'existing';
  readonly name: string;
  readonly standing: AuthorityStatus;
  readonly sha256: string;
  readonly verificationCode: string;
  /** Of the certificate. */
  readonly certified: Required<Validity>;
  /** A narrower one that was given. */
  readonly validity: Validity;
  /** As the events have told it. */
  readonly phase: Phase;
  readonly subject: SubjectRule;
  readonly enrolment: EnrolmentRule | null;
  readonly enrolled: number;
}

export type CertificateAuthority =
  ExistingAuthority | { readonly status: 'none' } | { readonly status: 'deleted'; readonly name: string };

export type CertificateAuthorityCommand =
  | {
      readonly type: 'RegisterCertificateAuthority';
      readonly name: string;
      readonly certificate: string;
      readonly sha256: string;
      readonly distinguishedName: string;
      readonly certified: Required<Validity>;
      readonly validFrom?: string | null | undefined;
      readonly validUntil?: string | null | undefined;
      readonly subject: SubjectRule;
      readonly enrolment: EnrolmentRule | null;
      readonly verificationCode: string;
      readonly at: string;
    }
  /** The possession of its key was shown. */
  | { readonly type: 'VerifyCertificateAuthority'; readonly at: string }
  | {
      /** Absent fields stay. */
      readonly type: 'EditCertificateAuthority';
      readonly name?: string | undefined;
      readonly standing?: Exclude<AuthorityStatus, 'unverified'> | undefined;
      readonly subject?: SubjectRule | undefined;
      /** Null removes it. */
      readonly enrolment?: EnrolmentRule | null | undefined;
      readonly validFrom?: string | null | undefined;
      readonly validUntil?: string | null | undefined;
      readonly at: string;
    }
  /** Counts a device that its rule makes, in the transaction that makes it. */
  | {
      readonly type: 'EnrolDevice';
      readonly deviceId: string;
      readonly subject: string;
      readonly at: string;
    }
  /** Tells that its time has come or is over, once. */
  | { readonly type: 'ObserveCertificateAuthority'; readonly at: string }
  | { readonly type: 'DeleteCertificateAuthority' };

/**
 * Decides what a command changes. Returns no events when the command is already satisfied. Throws
 * `certificate-authority-not-found`, `certificate-authority-status`, `certificate-authority-closed`, `certificate-unknown`,
 * `enrolment-disabled`, `enrolment-limit-reached`, `invalid-request` (times). That names and certificates are unique is known
 * only to the table.
 */
const decide = (
  command: CertificateAuthorityCommand,
  authority: CertificateAuthority,
): readonly CertificateAuthorityEvent[] => {
  switch (command.type) {
    case 'RegisterCertificateAuthority':
      return register(command, authority);
    case 'VerifyCertificateAuthority': {
      const before = existing(authority);
      if (before.standing === 'revoked') throw statusFault('It is revoked, which is final.');
      if (before.standing !== 'unverified') return [];
      const after: ExistingAuthority = { ...before, standing: 'active' };
      const { sha256 } = before;
      return [
        {
          type: 'CertificateAuthorityVerified',
          data: { sha256, verifiedAt: command.at, summary: summaryOf(after, command.at) },
        },
      ];
    }
    case 'EditCertificateAuthority':
      return edit(command, existing(authority));
    case 'EnrolDevice':
      return enrol(command, existing(authority));
    case 'ObserveCertificateAuthority':
      return authority.status === 'existing' ? observe(command.at, authority) : [];
    case 'DeleteCertificateAuthority':
      if (authority.status === 'deleted') return [];
      return [{ type: 'CertificateAuthorityDeleted', data: { name: existing(authority).name } }];
  }
};

const register = (
  command: Extract<CertificateAuthorityCommand, { type: 'RegisterCertificateAuthority' }>,
  authority: CertificateAuthority,
): readonly CertificateAuthorityEvent[] => {
  if (authority.status !== 'none') return [];
  const { name, certificate, sha256, distinguishedName, certified, subject, enrolment, at } = command;
  const { verificationCode } = command;
  const validity = editedValidity('authority', {}, command, at);
  const summary: Summary = { name, status: 'unverified', opens: false, enrols: false };
  return [
    {
      type: 'CertificateAuthorityRegistered',
      data: {
        name,
        certificate,
        sha256,
        distinguishedName,
        certified,
        validity,
        subject,
        enrolment,
        verificationCode,
        registeredAt: at,
        summary,
      },
    },
  ];
};

const edit = (
  command: Extract<CertificateAuthorityCommand, { type: 'EditCertificateAuthority' }>,
  before: ExistingAuthority,
): readonly CertificateAuthorityEvent[] => {
  const { at } = command;
  const events: CertificateAuthorityEvent[] = [];
  let after = before;
  const change = <Key extends 'name' | 'subject' | 'enrolment' | 'validity' | 'standing'>(
    key: Key,
    to: ExistingAuthority[Key] | undefined,
    event: (
      from: ExistingAuthority[Key],
      to: ExistingAuthority[Key],
      summary: Summary,
    ) => CertificateAuthorityEvent,
  ): void => {
    const from = after[key];
    if (to === undefined || sameJson(from, to)) return;
    after = { ...after, [key]: to };
    events.push(event(from, to, summaryOf(after, at)));
  };
  change('name', command.name, (from, to, summary) => ({
    type: 'CertificateAuthorityRenamed',
    data: { from, to, summary },
  }));
  change('subject', command.subject, (from, to, summary) => ({
    type: 'CertificateAuthoritySubjectRuleChanged',
    data: { from, to, summary },
  }));
  change('enrolment', command.enrolment, (from, to, summary) => ({
    type: 'CertificateAuthorityEnrolmentChanged',
    data: { from, to, summary },
  }));
  change('validity', editedValidity('edit', before.validity, command, at), (from, to, summary) => ({
    type: 'CertificateAuthorityValidityChanged',
    data: { from, to, inEffect: overlap(before.certified, to), changedAt: at, summary },
  }));
  if (command.standing !== undefined && command.standing !== before.standing) {
    if (before.standing === 'revoked') throw statusFault('It is revoked, which is final.');
    if (before.standing === 'unverified' && command.standing !== 'revoked') {
      throw statusFault('It is unverified: show the possession of its key first.');
    }
  }
  change('standing', command.standing, (from, to, summary) => ({
    type: 'CertificateAuthorityStatusChanged',
    data: { from, to, summary },
  }));
  return events;
};

const enrol = (
  { deviceId, subject, at }: Extract<CertificateAuthorityCommand, { type: 'EnrolDevice' }>,
  before: ExistingAuthority,
): readonly CertificateAuthorityEvent[] => {
  assertOpen(before, at);
  const { enrolment, enrolled } = before;
  if (enrolment === null) {
    throw new AppError('certificate-unknown', 'No device has the subject of the certificate.');
  }
  if (!enrolment.enabled) {
    throw new AppError('enrolment-disabled', "The authority's rule for enrolment is switched off.");
  }
  if (enrolment.limit !== undefined && enrolled >= enrolment.limit) {
    throw new AppError(
      'enrolment-limit-reached',
      `The authority's rule allows ${enrolment.limit} devices, and as many have enrolled.`,
    );
  }
  return [
    {
      type: 'CertificateAuthorityEnrolledDevice',
      data: { deviceId, subject, summary: summaryOf(before, at) },
    },
  ];
};

const observe = (at: string, before: ExistingAuthority): readonly CertificateAuthorityEvent[] => {
  const validity = timeOf(before);
  const phase = phaseAt(validity, at);
  if (phase === before.phase || phase === 'before') return [];
  return [
    {
      type: phase === 'within' ? 'CertificateAuthorityBegan' : 'CertificateAuthorityExpired',
      data: { validity, summary: summaryOf(before, at) },
    },
  ];
};

/** Of the certificate, and narrower where that was given. */
export const timeOf = ({
  certified,
  validity,
}: Pick<ExistingAuthority, 'certified' | 'validity'>): Validity => overlap(certified, validity);

/** Throws `certificate-authority-closed`. */
export const assertOpen = (authority: ExistingAuthority, at: string): void => {
  const { standing } = authority;
  if (standing === 'unverified') throw closed('the possession of its key was not shown');
  if (standing !== 'active') throw closed(`it is ${standing}`);
  const phase = phaseAt(timeOf(authority), at);
  if (phase !== 'within') throw closed(phase === 'before' ? 'its time has not come' : 'its time is over');
};

const closed = (why: string): AppError =>
  new AppError('certificate-authority-closed', `The certificate authority opens nothing: ${why}.`);

const summaryOf = (authority: ExistingAuthority, at: string): Summary => {
  const { name, standing, enrolment } = authority;
  const opens = standing === 'active' && phaseAt(timeOf(authority), at) === 'within';
  return { name, status: standing, opens, enrols: opens && enrolment?.enabled === true };
};

const evolve = (authority: CertificateAuthority, event: CertificateAuthorityEvent): CertificateAuthority => {
  if (event.type === 'CertificateAuthorityRegistered') {
    const { name, sha256, verificationCode, certified, validity, subject, enrolment, registeredAt } =
      event.data;
    const phase = phaseAt(timeOf({ certified, validity }), registeredAt);
    return {
      status: 'existing',
      name,
      standing: 'unverified',
      sha256,
      verificationCode,
      certified,
      validity,
      phase,
      subject,
      enrolment,
      enrolled: 0,
    };
  }
  if (authority.status !== 'existing') return authority;
  switch (event.type) {
    case 'CertificateAuthorityVerified':
      return { ...authority, standing: 'active' };
    case 'CertificateAuthorityStatusChanged':
      return { ...authority, standing: event.data.to };
    case 'CertificateAuthorityRenamed':
      return { ...authority, name: event.data.to };
    case 'CertificateAuthoritySubjectRuleChanged':
      return { ...authority, subject: event.data.to };
    case 'CertificateAuthorityEnrolmentChanged':
      return { ...authority, enrolment: event.data.to };
    case 'CertificateAuthorityValidityChanged': {
      const { to: validity, changedAt } = event.data;
      return { ...authority, validity, phase: phaseAt(timeOf({ ...authority, validity }), changedAt) };
    }
    case 'CertificateAuthorityBegan':
      return { ...authority, phase: 'within' };
    case 'CertificateAuthorityExpired':
      return { ...authority, phase: 'after' };
    case 'CertificateAuthorityEnrolledDevice':
      return { ...authority, enrolled: authority.enrolled + 1 };
    case 'CertificateAuthorityDeleted':
      return { status: 'deleted', name: event.data.name };
  }
};

export const certificateAuthority: Aggregate<
  CertificateAuthority,
  CertificateAuthorityCommand,
  CertificateAuthorityEvent
> = {
  name: 'certificate-authority',
  initial: { status: 'none' },
  evolve,
  decide,
  upcast,
};

const existing = (authority: CertificateAuthority): ExistingAuthority => {
  if (authority.status !== 'existing') {
    throw new AppError('certificate-authority-not-found', 'There is no such certificate authority.');
  }
  return authority;
};

const statusFault = (detail: string): AppError => new AppError('certificate-authority-status', detail);
