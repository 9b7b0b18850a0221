import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import type { Done } from '@muster/contracts';
import {
  CertificateAuthorityEdit,
  CertificateAuthorityInput,
  CertificateAuthorityVerification,
  deleteCertificateAuthority,
  editCertificateAuthority,
  getCertificateAuthority,
  listCertificateAuthorities,
  registerCertificateAuthority,
  verifyCertificateAuthority,
  type CertificateAuthorityPage,
  type CertificateAuthorityView,
} from '@muster/contracts/device-registry/certificate-authorities.requests';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody } from '../http/body.js';
import { Changing, Creating, Reading, type Caller } from '../http/caller.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

@Controller('api/v1/certificate-authorities')
export class CertificateAuthoritiesController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Register an authority; it opens nothing until the possession of its key is shown',
    asks: [registerCertificateAuthority],
    body: CertificateAuthorityInput,
    status: 201,
    location: (path, id) => `${path}/${id}`,
  })
  registerCertificateAuthority(
    @CheckedBody(CertificateAuthorityInput) authority: CertificateAuthorityInput,
    @Creating() creating: Caller,
  ): Promise<CertificateAuthorityView> {
    return this.bus.request(registerCertificateAuthority, { ...creating, authority });
  }

  @Post(':id/verify')
  @Operation({
    summary: 'Show the possession of its key, by a certificate whose CN is the verificationCode',
    asks: [verifyCertificateAuthority],
    body: CertificateAuthorityVerification,
  })
  verifyCertificateAuthority(
    @Param('id') authorityId: string,
    @CheckedBody(CertificateAuthorityVerification) verification: CertificateAuthorityVerification,
    @Changing() changing: Caller,
  ): Promise<CertificateAuthorityView> {
    return this.bus.request(verifyCertificateAuthority, { ...changing, authorityId, verification });
  }

  @Get()
  @Operation({
    summary: 'List the authorities, oldest first',
    asks: [listCertificateAuthorities],
    query: PageQuery,
  })
  listCertificateAuthorities(
    @CheckedQuery(PageQuery) { limit, cursor, count }: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<CertificateAuthorityPage> {
    return this.bus.request(listCertificateAuthorities, { ...reading, limit, cursor, count });
  }

  @Get(':id')
  @Operation({ summary: 'Get an authority', asks: [getCertificateAuthority] })
  getCertificateAuthority(
    @Param('id') authorityId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<CertificateAuthorityView> {
    return this.bus.request(getCertificateAuthority, { ...reading, authorityId });
  }

  @Patch(':id')
  @Operation({
    summary:
      'Edit an authority: its status, its time, whom its certificates name, whether unknown devices enrol',
    asks: [editCertificateAuthority],
    body: CertificateAuthorityEdit,
  })
  editCertificateAuthority(
    @Param('id') authorityId: string,
    @CheckedBody(CertificateAuthorityEdit) edit: CertificateAuthorityEdit,
    @Changing() changing: Caller,
  ): Promise<CertificateAuthorityView> {
    return this.bus.request(editCertificateAuthority, { ...changing, authorityId, edit });
  }

  @Delete(':id')
  @Operation({
    summary: 'Delete an authority: its certificates open nothing; the devices stay',
    asks: [deleteCertificateAuthority],
    status: 204,
  })
  deleteCertificateAuthority(@Param('id') authorityId: string, @Changing() changing: Caller): Promise<Done> {
    return this.bus.request(deleteCertificateAuthority, { ...changing, authorityId });
  }
}
