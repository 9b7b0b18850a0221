import { Type } from 'class-transformer';
import { IsArray, IsIn, IsISO8601, IsOptional, IsString, Length, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { DeviceRef } from './devices.requests.js';
import { NullRemoves } from '../described.js';
import { ChangeRequest, CreateRequest, Done, IsEndpointToken, IsTime, Page, PageRequest } from '../fields.js';

export const TOKEN_STATUSES = ['inactive', 'active', 'suspended', 'revoked'] as const;
export type TokenStatus = (typeof TOKEN_STATUSES)[number];

export class TokenView {
  @IsString()
  id!: string;

  /** The first four characters, of a short one a third, to tell tokens apart; the whole text is shown only when it is issued. */
  @IsString()
  hint!: string;

  @IsIn(TOKEN_STATUSES)
  status!: TokenStatus;

  /** It opens nothing before that. Absent: since it was issued. */
  @IsOptional()
  @IsISO8601()
  validFrom?: string;

  /** It opens nothing from then on. Absent: it has no end. */
  @IsOptional()
  @IsISO8601()
  validUntil?: string;

  /** To within a minute. Absent: never, or not since November 2026. */
  @IsOptional()
  @IsISO8601()
  lastUsedAt?: string;

  @IsISO8601()
  createdAt!: string;
}

export class IssuedToken extends TokenView {
  /** Shown this once: absent in the answer to a repetition with the same `Idempotency-Key`. */
  @IsOptional()
  @IsString()
  token?: string;
}

export class TokenList extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => TokenView)
  items!: TokenView[];
}

export class TokenInput {
  /** Default: generated, 24 characters. A given one is at least as long as its device type says (`settings.minTokenLength`). */
  @IsOptional()
  @IsEndpointToken()
  token?: string;

  /** Default: at once. */
  @IsOptional()
  @IsTime()
  validFrom?: string;

  /** Default: without an end. */
  @IsOptional()
  @IsTime()
  validUntil?: string;
}

/** Merge: what is absent stays, null is without that end. */
export class TokenEdit {
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

export class IssueToken extends CreateRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsOptional()
  @IsEndpointToken()
  token?: string;

  @IsOptional()
  @IsTime()
  validFrom?: string;

  @IsOptional()
  @IsTime()
  validUntil?: string;
}

export class EditToken extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 64)
  tokenId!: string;

  @ValidateNested()
  @Type(() => TokenEdit)
  edit!: TokenEdit;
}

/** Oldest first. */
export class ListTokens extends PageRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;
}

export class TokenRef extends DeviceRef {
  @IsString()
  @Length(1, 64)
  tokenId!: string;
}

export class DeleteToken extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 64)
  tokenId!: string;
}

export const issueToken = defineRequest({
  subject: 'muster.v1.service.device-registry.token.issue',
  request: IssueToken,
  reply: IssuedToken,
  errors: [
    'device-not-found',
    'token-taken',
    'invalid-request',
    'concurrent-change',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

export const listTokens = defineRequest({
  subject: 'muster.v1.service.device-registry.token.list',
  request: ListTokens,
  reply: TokenList,
  errors: ['device-not-found', 'invalid-request'],
  idempotent: true,
});

export const getToken = defineRequest({
  subject: 'muster.v1.service.device-registry.token.get',
  request: TokenRef,
  reply: TokenView,
  errors: ['device-not-found', 'token-not-found'],
  idempotent: true,
});

/** Takes a revoked token off the list. Its text stays used, so that nobody else is let in by what this device still sends. */
export const deleteToken = defineRequest({
  subject: 'muster.v1.service.device-registry.token.delete',
  request: DeleteToken,
  reply: Done,
  errors: ['device-not-found', 'token-not-found', 'token-not-revoked', 'concurrent-change'],
  idempotent: false,
});

/**
 * Inactive → active → suspended ⇄ active → revoked, which is final (16/ECAP). Connections that came by it end when it opens
 * nothing any more.
 */
export const editToken = defineRequest({
  subject: 'muster.v1.service.device-registry.token.edit',
  request: EditToken,
  reply: TokenView,
  errors: [
    'device-not-found',
    'token-not-found',
    'token-status-final',
    'invalid-request',
    'concurrent-change',
  ],
  idempotent: true,
});
