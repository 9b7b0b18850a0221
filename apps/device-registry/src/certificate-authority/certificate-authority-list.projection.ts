import { AppError, type ErrorCode } from '@muster/contracts';
import type {
  AuthorityStatus,
  CertificateAuthorityView,
} from '@muster/contracts/device-registry/certificate-authorities.requests';
import { uniqueViolation, type Projection, type Queryable, type RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import { shownName } from '../authentication/certificate.js';
import { overlap, type Validity } from '../validity.js';
import type {
  CertificateAuthorityEvent,
  EnrolmentRule,
  SubjectRule,
} from './certificate-authority.events.js';

/** Authorities for lists, for who looks for the one that has signed a certificate, and for the rules on names and certificates. */
export const certificateAuthorityList: Projection = {
  name: 'certificate-authority-list',
  handles: [
    'CertificateAuthorityRegistered',
    'CertificateAuthorityVerified',
    'CertificateAuthorityStatusChanged',
    'CertificateAuthorityRenamed',
    'CertificateAuthoritySubjectRuleChanged',
    'CertificateAuthorityEnrolmentChanged',
    'CertificateAuthorityValidityChanged',
    'CertificateAuthorityBegan',
    'CertificateAuthorityExpired',
    'CertificateAuthorityEnrolledDevice',
    'CertificateAuthorityDeleted',
  ],
  project: async (tx, events) => {
    // `handles` names the events of this aggregate and no others.
    for (const event of events as readonly RecordedEvent<CertificateAuthorityEvent>[]) {
      try {
        await projectOne(tx, event);
      } catch (error) {
        throw brokenRule(error);
      }
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM certificate_authorities');
  },
};

const projectOne = async (
  tx: pg.PoolClient,
  event: RecordedEvent<CertificateAuthorityEvent>,
): Promise<void> => {
  const key = [event.tenantId, event.streamId];
  const set = (assignments: string, ...values: readonly unknown[]): Promise<unknown> =>
    tx.query(
      `UPDATE certificate_authorities SET version = $3${assignments === '' ? '' : `, ${assignments}`}
       WHERE tenant_id = $1 AND id = $2`,
      [...key, event.version, ...values],
    );
  switch (event.type) {
    case 'CertificateAuthorityRegistered':
      await insert(tx, event.tenantId, event.streamId, event.version, event.data);
      return;
    case 'CertificateAuthorityVerified':
      await set(`status = 'active', verified_sha256 = $4`, event.data.sha256);
      return;
    case 'CertificateAuthorityStatusChanged':
      await set('status = $4', event.data.to);
      return;
    case 'CertificateAuthorityRenamed':
      await set('name = $4', event.data.to);
      return;
    case 'CertificateAuthoritySubjectRuleChanged':
      await set('subject_rule = $4', JSON.stringify(event.data.to));
      return;
    case 'CertificateAuthorityEnrolmentChanged':
      await set('enrolment = $4', event.data.to === null ? null : JSON.stringify(event.data.to));
      return;
    case 'CertificateAuthorityValidityChanged':
      await set('validity = $4', JSON.stringify(event.data.to));
      return;
    case 'CertificateAuthorityEnrolledDevice':
      await set('enrolled = enrolled + 1');
      return;
    case 'CertificateAuthorityBegan':
    case 'CertificateAuthorityExpired':
      await set('');
      return;
    case 'CertificateAuthorityDeleted':
      await tx.query('DELETE FROM certificate_authorities WHERE tenant_id = $1 AND id = $2', key);
      await tx.query('DELETE FROM last_uses WHERE tenant_id = $1 AND id = $2', key);
      return;
  }
};

const insert = (
  tx: pg.PoolClient,
  tenantId: string,
  id: string,
  version: number,
  data: Extract<CertificateAuthorityEvent, { type: 'CertificateAuthorityRegistered' }>['data'],
): Promise<unknown> =>
  tx.query(
    `INSERT INTO certificate_authorities (tenant_id, id, name, status, certificate, sha256, distinguished_name, certified,
       validity, verification_code, subject_rule, enrolment, enrolled, version, created_at)
     VALUES ($1, $2, $3, 'unverified', $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13)`,
    [
      tenantId,
      id,
      data.name,
      data.certificate,
      data.sha256,
      data.distinguishedName,
      JSON.stringify(data.certified),
      JSON.stringify(data.validity),
      data.verificationCode,
      JSON.stringify(data.subject),
      data.enrolment === null ? null : JSON.stringify(data.enrolment),
      version,
      data.registeredAt,
    ],
  );

/** By unique index: what its violation means. */
const TAKEN: Readonly<Record<string, [ErrorCode, string]>> = {
  certificate_authorities_name: ['certificate-authority-name-taken', 'Another authority has this name.'],
  certificate_authorities_sha256: ['certificate-authority-exists', 'This certificate is registered already.'],
  certificate_authorities_verified: [
    'certificate-authority-exists',
    'Another tenant has shown to have this key.',
  ],
};

const brokenRule = (error: unknown): unknown => {
  const [code, detail] = TAKEN[uniqueViolation(error) ?? ''] ?? [];
  return code === undefined ? error : new AppError(code, detail ?? '', { cause: error });
};

interface AuthorityRow {
  id: string;
  name: string;
  status: AuthorityStatus;
  sha256: string;
  distinguished_name: string;
  certified: Required<Validity>;
  validity: Validity;
  verification_code: string;
  subject_rule: SubjectRule;
  enrolment: EnrolmentRule | null;
  device_type: string | null;
  enrolled: number;
  used_at: Date | null;
  version: number;
  created_at: Date;
}

const SELECT = `
  SELECT a.id, a.name, a.status, a.sha256, a.distinguished_name, a.certified, a.validity, a.verification_code, a.subject_rule,
    a.enrolment, t.name AS device_type, a.enrolled, u.used_at, a.version, a.created_at
  FROM certificate_authorities a
  LEFT JOIN device_types t ON t.tenant_id = a.tenant_id AND t.id = a.enrolment ->> 'deviceTypeId'
  LEFT JOIN last_uses u ON u.tenant_id = a.tenant_id AND u.id = a.id`;

export const findAuthority = async (
  from: Queryable,
  tenantId: string,
  authorityId: string,
): Promise<CertificateAuthorityView | undefined> => {
  const { rows } = await from.query<AuthorityRow>({
    name: 'find-authority',
    text: `${SELECT} WHERE a.tenant_id = $1 AND a.id = $2`,
    values: [tenantId, authorityId],
  });
  return rows[0] === undefined ? undefined : viewOf(rows[0]);
};

/** Its certificate as PEM, and what shows the possession of its key. */
interface RegisteredCertificate {
  readonly certificate: string;
  readonly verificationCode: string;
  readonly version: number;
}

export const certificateOf = async (
  from: Queryable,
  tenantId: string,
  authorityId: string,
): Promise<RegisteredCertificate | undefined> => {
  const { rows } = await from.query<RegisteredCertificate>({
    text: `SELECT certificate, verification_code AS "verificationCode", version FROM certificate_authorities
           WHERE tenant_id = $1 AND id = $2`,
    values: [tenantId, authorityId],
  });
  return rows[0];
};

/** Oldest first. */
export const listAuthorities = async (
  from: Queryable,
  tenantId: string,
  after: string,
  limit: number,
): Promise<CertificateAuthorityView[]> => {
  const { rows } = await from.query<AuthorityRow>({
    text: `${SELECT} WHERE a.tenant_id = $1 AND a.id > $2 ORDER BY a.id LIMIT $3`,
    values: [tenantId, after, limit],
  });
  return rows.map(viewOf);
};

export const countAuthorities = async (from: Queryable, tenantId: string): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: 'SELECT count(*) FROM certificate_authorities WHERE tenant_id = $1',
    values: [tenantId],
  });
  return Number(rows[0]?.count ?? 0);
};

/** An authority that may have signed a certificate: its name fits. */
export interface Candidate {
  readonly tenantId: string;
  readonly authorityId: string;
  /** PEM. */
  readonly certificate: string;
}

/** Of all tenants, those who have shown to have the key: whose a certificate is says its authority. In a stable order. */
export const authoritiesNamed = async (
  from: Queryable,
  names: readonly string[],
): Promise<readonly Candidate[]> => {
  const { rows } = await from.query<{ tenant_id: string; id: string; certificate: string }>({
    text: `SELECT tenant_id, id, certificate FROM certificate_authorities
           WHERE distinguished_name = ANY($1) AND verified_sha256 IS NOT NULL
           ORDER BY status <> 'active'
             OR coalesce(greatest((certified->>'validFrom')::timestamptz, (validity->>'validFrom')::timestamptz) > now(), false)
             OR coalesce(least((certified->>'validUntil')::timestamptz, (validity->>'validUntil')::timestamptz) <= now(), false),
             tenant_id, id LIMIT 50`,
    values: [names],
  });
  return rows.map((row) => ({ tenantId: row.tenant_id, authorityId: row.id, certificate: row.certificate }));
};

const viewOf = (row: AuthorityRow): CertificateAuthorityView => {
  const { validFrom = '', validUntil = '' } = overlap(row.certified, row.validity);
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    sha256: row.sha256,
    distinguishedName: shownName(row.distinguished_name),
    validFrom,
    validUntil,
    ...(row.status === 'unverified' ? { verificationCode: row.verification_code } : {}),
    subject: row.subject_rule,
    ...(row.enrolment === null ? {} : { enrolment: enrolmentOf(row.enrolment, row) }),
    ...(row.used_at === null ? {} : { lastUsedAt: row.used_at.toISOString() }),
    version: row.version,
    createdAt: row.created_at.toISOString(),
  };
};

/** Of a type that was deleted since, the id is all that is left. */
const enrolmentOf = (
  { deviceTypeId, appVersion, folder, tags, enabled, limit }: EnrolmentRule,
  { device_type: deviceType, enrolled }: AuthorityRow,
): NonNullable<CertificateAuthorityView['enrolment']> => ({
  deviceType: deviceType ?? deviceTypeId,
  ...(appVersion === undefined ? {} : { appVersion }),
  folder,
  tags: [...tags],
  enabled,
  ...(limit === undefined ? {} : { limit }),
  enrolled,
});
