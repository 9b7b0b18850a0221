import { randomBytes } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId, type Actor, type Done } from '@muster/contracts';
import {
  deleteCertificateAuthority,
  editCertificateAuthority,
  getCertificateAuthority,
  listCertificateAuthorities,
  registerCertificateAuthority,
  verifyCertificateAuthority,
  type CertificateAuthorityPage,
  type CertificateAuthorityRef,
  type CertificateAuthorityView,
  type DeleteCertificateAuthority,
  type EditCertificateAuthority,
  type EnrolmentRule as EnrolmentInput,
  type ListCertificateAuthorities,
  type RegisterCertificateAuthority,
  type VerifyCertificateAuthority,
} from '@muster/contracts/device-registry/certificate-authorities.requests';
import { idempotently, type Database, type EventStore, type Queryable } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import type pg from 'pg';
import { assertAuthority, assertInTime, isSignedBy, readCertificate } from '../authentication/certificate.js';
import { asInvalidRequest, readGiven } from '../credential/credential-plan.js';
import { findDeviceType } from '../device-type/device-type-list.projection.js';
import { holdFolders } from '../folder/folder-tree.js';
import {
  certificateOf,
  countAuthorities,
  findAuthority,
  listAuthorities,
} from './certificate-authority-list.projection.js';
import { certificateAuthority } from './certificate-authority.decider.js';
import type { EnrolmentRule } from './certificate-authority.events.js';

const DEFAULT_SUBJECT = { from: 'cn', is: 'name' } as const;

@Controller()
export class CertificateAuthorityHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(registerCertificateAuthority)
  register(request: RegisterCertificateAuthority): Promise<CertificateAuthorityView> {
    const { tenantId, actor, authority: input, idempotencyKey } = request;
    const at = new Date().toISOString();
    const certificate = readGiven('authority.certificate', input.certificate);
    try {
      assertAuthority(certificate);
      assertInTime({ ...certificate, validFrom: '' }, at); // one whose time comes may be registered before
    } catch (error) {
      throw asInvalidRequest('authority.certificate', error);
    }
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: registerCertificateAuthority.subject, request },
      run: async (tx) => {
        const id = newId();
        await this.store.execute(certificateAuthority, {
          tenantId,
          id,
          metadata: { actor },
          within: tx,
          command: {
            type: 'RegisterCertificateAuthority',
            name: input.name,
            certificate: certificate.x509.toString(),
            sha256: certificate.sha256,
            distinguishedName: certificate.subject,
            certified: { validFrom: certificate.validFrom, validUntil: certificate.validUntil },
            validFrom: input.validFrom,
            validUntil: input.validUntil,
            subject: input.subject ?? DEFAULT_SUBJECT,
            // Null in an optional field passes the contract's rules and means the same as absent.
            enrolment:
              input.enrolment == null
                ? null
                : await ruleOf(tx, tenantId, 'authority.enrolment', input.enrolment),
            verificationCode: randomBytes(16).toString('hex'),
            at,
          },
        });
        await this.holdFolderOf(tx, request, input.enrolment);
        return view(tx, tenantId, id);
      },
    });
  }

  @Handles(verifyCertificateAuthority)
  async verify(request: VerifyCertificateAuthority): Promise<CertificateAuthorityView> {
    const { tenantId, actor, expectedVersion, authorityId, verification } = request;
    const known = await certificateOf(this.database, tenantId, authorityId);
    if (known === undefined) throw notFound();
    // Before what the certificate shows is judged, as with every other change.
    if (expectedVersion !== undefined && expectedVersion !== known.version) {
      throw new AppError('version-mismatch', `The version is ${known.version}, not ${expectedVersion}.`);
    }
    const at = new Date().toISOString();
    const shown = readGiven('verification.certificate', verification.certificate);
    if (!isSignedBy(shown, readCertificate(known.certificate))) {
      throw new AppError(
        'possession-not-shown',
        'The certificate is not signed by the key of the authority, or does not name it as its issuer.',
      );
    }
    const names = shown.names('cn');
    if (names.length !== 1 || names[0] !== known.verificationCode) {
      throw new AppError(
        'possession-not-shown',
        "The CN of the certificate must be the authority's verificationCode.",
      );
    }
    try {
      assertInTime(shown, at);
    } catch (error) {
      throw asInvalidRequest('verification.certificate', error);
    }
    await this.store.execute(certificateAuthority, {
      tenantId,
      id: authorityId,
      metadata: { actor },
      expectedVersion,
      command: { type: 'VerifyCertificateAuthority', at },
    });
    return view(this.database, tenantId, authorityId);
  }

  @Handles(getCertificateAuthority)
  get({ tenantId, authorityId }: CertificateAuthorityRef): Promise<CertificateAuthorityView> {
    return view(this.database, tenantId, authorityId);
  }

  @Handles(listCertificateAuthorities)
  async list({
    tenantId,
    limit: wanted,
    cursor,
    count,
  }: ListCertificateAuthorities): Promise<CertificateAuthorityPage> {
    const limit = wanted ?? DEFAULT_PAGE;
    const [after = ''] = decodeCursor('certificate authorities', cursor, [TEXT]) ?? [];
    const items = await listAuthorities(this.database, tenantId, after, limit + 1);
    return {
      ...pageBy('certificate authorities', items, limit, ({ id }) => [id]),
      ...(count === true ? { total: await countAuthorities(this.database, tenantId) } : {}),
    };
  }

  @Handles(editCertificateAuthority)
  async edit(request: EditCertificateAuthority): Promise<CertificateAuthorityView> {
    const { tenantId, actor, expectedVersion, authorityId } = request;
    const { name, status, subject, enrolment, validFrom, validUntil } = request.edit;
    return this.database.transaction(async (tx) => {
      await this.store.execute(certificateAuthority, {
        tenantId,
        id: authorityId,
        metadata: { actor },
        expectedVersion,
        within: tx,
        command: {
          type: 'EditCertificateAuthority',
          name,
          standing: status,
          subject,
          enrolment: enrolment == null ? enrolment : await ruleOf(tx, tenantId, 'edit.enrolment', enrolment),
          validFrom,
          validUntil,
          at: new Date().toISOString(),
        },
      });
      await this.holdFolderOf(tx, request, enrolment);
      return view(tx, tenantId, authorityId);
    });
  }

  @Handles(deleteCertificateAuthority)
  async delete(request: DeleteCertificateAuthority): Promise<Done> {
    const { tenantId, actor, expectedVersion, authorityId } = request;
    await this.store.execute(certificateAuthority, {
      tenantId,
      id: authorityId,
      metadata: { actor },
      expectedVersion,
      command: { type: 'DeleteCertificateAuthority' },
    });
    return {};
  }

  /** After the change of the authority: it waits for whoever moves the folder, and the move then finds the rule. */
  private async holdFolderOf(
    tx: pg.PoolClient,
    who: { readonly tenantId: string; readonly actor: Actor },
    rule: EnrolmentInput | null | undefined,
  ): Promise<void> {
    if (rule != null) await holdFolders(tx, this.store, who, [rule.folder ?? '/']);
  }
}

/** With the id of the type. Throws `device-type-not-found`, `app-version-not-found`. */
const ruleOf = async (
  from: Queryable,
  tenantId: string,
  path: string,
  { deviceType, appVersion, folder, tags, enabled, limit }: EnrolmentInput,
): Promise<EnrolmentRule> => {
  const type = await findDeviceType(from, tenantId, deviceType);
  if (type === undefined) {
    throw new AppError('device-type-not-found', `${path}.deviceType: there is no such device type.`);
  }
  if (appVersion != null && !type.appVersions.some((one) => one.name === appVersion)) {
    throw new AppError(
      'app-version-not-found',
      `The device type has no application version "${appVersion}".`,
    );
  }
  return {
    deviceTypeId: type.id,
    ...(appVersion == null ? {} : { appVersion }),
    folder: folder ?? '/',
    tags: tags ?? [],
    enabled,
    ...(limit == null ? {} : { limit }),
  };
};

const notFound = (): AppError =>
  new AppError('certificate-authority-not-found', 'There is no such certificate authority.');

const view = async (from: Queryable, tenantId: string, id: string): Promise<CertificateAuthorityView> => {
  const found = await findAuthority(from, tenantId, id);
  if (found === undefined) throw notFound();
  return found;
};
