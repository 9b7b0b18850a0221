import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { NullRemoves } from '../described.js';
import {
  ChangeRequest,
  CreateRequest,
  Done,
  IsFilter,
  IsText,
  NAME_MESSAGE,
  NAME_RULE,
  Page,
  PageRequest,
  TenantRequest,
} from '../fields.js';

export class GroupInput {
  /** Unique in the tenant; what filters call it: `group==<name>`. */
  @Matches(NAME_RULE, NAME_MESSAGE)
  name!: string;

  @IsOptional()
  @IsText(400)
  description?: string;

  /** RSQL, as of the list of devices; it cannot name groups. */
  @IsFilter()
  filter!: string;
}

/** Merge: what is absent stays. */
export class GroupEdit {
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  name?: string;

  @IsOptional()
  @NullRemoves()
  @IsText(400)
  description?: string | null;

  @IsOptional()
  @IsFilter()
  filter?: string;
}

/** A filter that is saved under a name. Which devices it means is found whenever it is used. */
export class GroupView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  @IsOptional()
  @IsString()
  description?: string;

  @IsString()
  filter!: string;

  /** Where it was asked for: how many devices it means now. */
  @IsOptional()
  @IsInt()
  count?: number;

  /** Raised by every change; the `ETag`. */
  @IsInt()
  version!: number;

  @IsISO8601()
  createdAt!: string;
}

export class GroupPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => GroupView)
  items!: GroupView[];
}

export class CreateGroup extends CreateRequest {
  @ValidateNested()
  @Type(() => GroupInput)
  group!: GroupInput;
}

export class GroupRef extends TenantRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  group!: string;

  /** Whether the reply tells the `count` of devices. */
  @IsOptional()
  @IsBoolean()
  count?: boolean;
}

export class ListGroups extends PageRequest {}

export class EditGroup extends ChangeRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  group!: string;

  @ValidateNested()
  @Type(() => GroupEdit)
  edit!: GroupEdit;
}

export class DeleteGroup extends ChangeRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  group!: string;
}

export const createGroup = defineRequest({
  subject: 'muster.v1.service.device-registry.group.create',
  request: CreateGroup,
  reply: GroupView,
  errors: ['invalid-filter', 'group-name-taken', 'idempotency-key-reused'],
  idempotent: false,
});

/** With `count` a filter may take seconds before it is refused as too slow: ask with a `timeoutMs` of 12,000. */
export const getGroup = defineRequest({
  subject: 'muster.v1.service.device-registry.group.get',
  request: GroupRef,
  reply: GroupView,
  errors: ['group-not-found', 'invalid-filter', 'filter-too-slow'],
  idempotent: true,
});

/** Ordered by name. */
export const listGroups = defineRequest({
  subject: 'muster.v1.service.device-registry.group.list',
  request: ListGroups,
  reply: GroupPage,
  errors: ['invalid-request'],
  idempotent: true,
});

export const editGroup = defineRequest({
  subject: 'muster.v1.service.device-registry.group.edit',
  request: EditGroup,
  reply: GroupView,
  errors: [
    'invalid-request',
    'invalid-filter',
    'group-not-found',
    'group-name-taken',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/** Filters that name it are refused from then on; what such a filter has found before stays as it was found. */
export const deleteGroup = defineRequest({
  subject: 'muster.v1.service.device-registry.group.delete',
  request: DeleteGroup,
  reply: Done,
  errors: ['group-not-found', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});
