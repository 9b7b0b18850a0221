import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { ChangeRequest, CreateRequest, Done, Page, PageRequest, TenantRequest } from '../fields.js';
import { IsFolder, IsFolderName } from './folder-path.js';

/** Of an id, or of a path as long as one can be. */
const MAX_REFERENCE = 1_024;

export class FolderInput {
  /** Where it is; folders above it that are not there are made as well. */
  @IsFolder()
  path!: string;
}

/** Merge: what is absent stays. */
export class FolderEdit {
  @IsOptional()
  @IsFolderName()
  name?: string;

  /** Id or path of the folder that it is to be in; `/`: in none. */
  @IsOptional()
  @IsString()
  @Length(1, MAX_REFERENCE)
  parent?: string;
}

export class FolderView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  /** Its names from the top: what the devices in it have as their `folder`. */
  @IsString()
  path!: string;

  /** The folder that it is in. Absent: in none. */
  @IsOptional()
  @IsString()
  parentId?: string;

  /** How many folders are directly in it. */
  @IsInt()
  folders!: number;

  /** Where it was asked for: how many devices are in it and in all folders below. */
  @IsOptional()
  @IsInt()
  count?: number;

  /** Where it was just renamed or moved: the job that moves the devices. Absent: there are none. */
  @IsOptional()
  @IsString()
  jobId?: string;

  /** Raised by every change of its name and of its parent; the `ETag`. */
  @IsInt()
  version!: number;

  @IsISO8601()
  createdAt!: string;
}

export class FolderPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => FolderView)
  items!: FolderView[];
}

export class CreateFolder extends CreateRequest {
  @ValidateNested()
  @Type(() => FolderInput)
  folder!: FolderInput;
}

export class FolderRef extends TenantRequest {
  /** Id or path. */
  @IsString()
  @Length(1, MAX_REFERENCE)
  folder!: string;

  /** Whether the reply tells the `count` of devices. */
  @IsOptional()
  @IsBoolean()
  count?: boolean;
}

export class ListFolders extends PageRequest {
  /** Id or path: only what is directly in it; `/`: only what is in no other. Default: all. */
  @IsOptional()
  @IsString()
  @Length(1, MAX_REFERENCE)
  parent?: string;
}

export class EditFolder extends ChangeRequest {
  /** Id or path. */
  @IsString()
  @Length(1, MAX_REFERENCE)
  folder!: string;

  @ValidateNested()
  @Type(() => FolderEdit)
  edit!: FolderEdit;
}

export class DeleteFolder extends ChangeRequest {
  /** Id or path. */
  @IsString()
  @Length(1, MAX_REFERENCE)
  folder!: string;
}

export const createFolder = defineRequest({
  subject: 'muster.v1.service.device-registry.folder.create',
  request: CreateFolder,
  reply: FolderView,
  errors: [
    'invalid-request',
    'folder-exists',
    'folder-moving',
    'concurrent-change',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

export const getFolder = defineRequest({
  subject: 'muster.v1.service.device-registry.folder.get',
  request: FolderRef,
  reply: FolderView,
  errors: ['folder-not-found'],
  idempotent: true,
});

/** Ordered by path. */
export const listFolders = defineRequest({
  subject: 'muster.v1.service.device-registry.folder.list',
  request: ListFolders,
  reply: FolderPage,
  errors: ['invalid-request', 'folder-not-found'],
  idempotent: true,
});

/**
 * Renames or moves it, with all folders below, at once; the devices, and the rules, claim keys and groups that name it,
 * follow by a job, in the order in which such changes were asked for. Until that has ended the path that they leave is given to no other folder (`folder-moving`).
 */
export const editFolder = defineRequest({
  subject: 'muster.v1.service.device-registry.folder.edit',
  request: EditFolder,
  reply: FolderView,
  errors: [
    'invalid-request',
    'folder-not-found',
    'folder-exists',
    'folder-in-circle',
    'folder-too-deep',
    'folder-moving',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/** Refused while there is a device or a folder in it, or devices are on their way to it. */
export const deleteFolder = defineRequest({
  subject: 'muster.v1.service.device-registry.folder.delete',
  request: DeleteFolder,
  reply: Done,
  errors: ['folder-not-found', 'folder-not-empty', 'folder-moving', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});
