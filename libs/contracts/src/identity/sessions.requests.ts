import { Type } from 'class-transformer';
import { IsBoolean, IsISO8601, IsOptional, IsString, Matches, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { Actor, Done, TenantRequest } from '../fields.js';

/** In hexadecimal. The text that the browser holds never leaves the edge, and cannot be found from this. */
const DIGEST = /^[0-9a-f]{64}$/;

export class OpenSession extends TenantRequest {
  /** Who signs in. The caller has made sure of it. */
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @Matches(DIGEST)
  digest!: string;
}

/** Whose it is, is what is asked: so it names no tenant. */
export class SessionRef {
  @Matches(DIGEST)
  digest!: string;
}

export class UseSession extends SessionRef {
  /** True: only a look, which does not put off the idle end. */
  @IsOptional()
  @IsBoolean()
  quietly?: boolean;
}

export class SessionView {
  @IsString()
  id!: string;

  @IsString()
  tenantId!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsISO8601()
  openedAt!: string;

  /** When it ends if nobody uses it until then. */
  @IsISO8601()
  idleEndsAt!: string;

  /** When it ends in any case. */
  @IsISO8601()
  endsAt!: string;
}

/** Of one actor so many are kept; the one that was used longest ago gives way. */
export const openSession = defineRequest({
  subject: 'muster.v1.service.identity.session.open',
  request: OpenSession,
  reply: SessionView,
  errors: [],
  idempotent: false,
});

/** Whose session it is. Puts off its idle end, to within a sixtieth of the idle time. */
export const useSession = defineRequest({
  subject: 'muster.v1.service.identity.session.use',
  request: UseSession,
  reply: SessionView,
  errors: ['session-ended'],
  idempotent: true,
});

/** It opens nothing any more when this resolves, with whatever replica. */
export const closeSession = defineRequest({
  subject: 'muster.v1.service.identity.session.close',
  request: SessionRef,
  reply: Done,
  errors: [],
  idempotent: true,
});
