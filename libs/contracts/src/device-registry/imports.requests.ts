import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Min,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { JSON_VALUE, NullRemoves, ValuesAre } from '../described.js';
import {
  Actor,
  CreateRequest,
  Done,
  IsEndpointToken,
  IsName,
  MAX_TAGS,
  NAME_RULE,
  Page,
  PageRequest,
  TenantRequest,
  type JsonObject,
} from '../fields.js';
import { JobProgress } from '../jobs/published.js';
import { INTERFACES, Position, type DeviceInterface } from './devices.requests.js';
import { IsFolder } from './folder-path.js';

/** Rows that are handed over at once. */
export const MAX_IMPORT_PORTION = 500;

/** What a row of an import may say of a device. What it does not mention stays as it is. */
export class ImportRow {
  /** Which device is meant: this one if there is one; else the one with the serial number; else the one with the name. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  id?: string;

  /** Of a new device it must be there. */
  @IsOptional()
  @IsName(128)
  name?: string;

  /** Id or name; of a new device it must be there, and no device changes its own. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  deviceType?: string;

  @IsOptional()
  @Matches(NAME_RULE, { message: '$property must match [A-Za-z0-9_-]{1,64}' })
  appVersion?: string;

  /** Of a new device by default `mqtt`. */
  @IsOptional()
  @IsIn(INTERFACES)
  interface?: DeviceInterface;

  @IsOptional()
  @IsFolder()
  folder?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_TAGS)
  @ArrayUnique()
  @Matches(NAME_RULE, { each: true, message: 'each value must match [A-Za-z0-9_-]{1,64}' })
  tags?: string[];

  /** Merge patch: null removes a key. */
  @IsOptional()
  @ValuesAre(JSON_VALUE)
  @IsObject()
  metadata?: JsonObject;

  /** Key → exactly the desired value that the device is to have of its own; null takes it back. */
  @IsOptional()
  @ValuesAre(JSON_VALUE)
  @IsObject()
  desired?: JsonObject;

  @IsOptional()
  @NullRemoves()
  @IsName(128)
  serialNumber?: string | null;

  @IsOptional()
  @NullRemoves()
  @ValidateNested()
  @Type(() => Position)
  position?: Position | null;

  /** Id of the device that it is behind; never one that is behind it. */
  @IsOptional()
  @NullRemoves()
  @IsString()
  @Length(1, 64)
  parentId?: string | null;

  /** The same by name, also of a device that a row before it makes. */
  @IsOptional()
  @IsName(128)
  parent?: string;

  /** An endpoint token that the device is to have. Default: generated for a new device, none for another. */
  @IsOptional()
  @IsEndpointToken()
  token?: string;
}

export class ImportLine {
  /** Where it begins in the file, from 1. */
  @IsInt()
  @Min(1)
  line!: number;

  /** An `ImportRow`; what is wrong with it is the outcome of the row, and no fault of the request. */
  @IsObject()
  row!: JsonObject;
}

export const ROW_OUTCOMES = ['waiting', 'created', 'updated', 'unchanged', 'failed'] as const;
export type RowOutcome = (typeof ROW_OUTCOMES)[number];

export class BeginImport extends TenantRequest {}

export class ImportRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  importId!: string;
}

export class AddImportRows extends ImportRef {
  @IsArray()
  @ArrayMaxSize(MAX_IMPORT_PORTION)
  @ValidateNested({ each: true })
  @Type(() => ImportLine)
  rows!: ImportLine[];
}

export class StartImport extends CreateRequest {
  @IsString()
  @Length(1, 64)
  importId!: string;

  /** SHA-256 of the file: by it a repetition with the same `Idempotency-Key` is known. */
  @IsString()
  @Length(64, 64)
  sha256!: string;

  /** Only says what would become of each row. */
  @IsBoolean()
  dryRun!: boolean;
}

export class ImportBegun {
  @IsString()
  importId!: string;
}

export class ImportStarted {
  @IsString()
  jobId!: string;
}

/** How many rows have come to what. */
export class ImportView {
  /** Also the id of its job. */
  @IsString()
  id!: string;

  @IsBoolean()
  dryRun!: boolean;

  @IsISO8601()
  createdAt!: string;

  @IsInt()
  rows!: number;

  /** Not looked at yet. */
  @IsInt()
  waiting!: number;

  @IsInt()
  created!: number;

  @IsInt()
  updated!: number;

  @IsInt()
  unchanged!: number;

  @IsInt()
  failed!: number;
}

/** Newest first; those that were started. */
export class ListImports extends PageRequest {}

/** Where an import stands, by its job; a retry of what failed is a job of its own. */
export class ImportListed extends JobProgress {
  /** Also the id of its job. */
  @IsString()
  id!: string;

  @IsBoolean()
  dryRun!: boolean;

  @IsISO8601()
  createdAt!: string;

  /** Absent: of a job of before December 2026. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  createdBy?: Actor;

  @IsOptional()
  @IsISO8601()
  endedAt?: string;
}

export class ImportPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ImportListed)
  items!: ImportListed[];
}

export class ImportedRow {
  @IsInt()
  line!: number;

  @IsIn(ROW_OUTCOMES)
  outcome!: RowOutcome;

  /** Not of a row that failed, nor of a device that a dry run would create. */
  @IsOptional()
  @IsString()
  deviceId?: string;

  @IsOptional()
  @IsString()
  name?: string;

  /** The token that was generated for a new device, until the device has used it; nothing shows it afterwards. */
  @IsOptional()
  @IsString()
  token?: string;

  /** Of a row that failed: a code of the error catalogue, and why. */
  @IsOptional()
  @IsString()
  code?: string;

  @IsOptional()
  @IsString()
  detail?: string;
}

/** In the order of the file. */
export class ListImportedRows extends PageRequest {
  @IsString()
  @Length(1, 64)
  importId!: string;

  @IsOptional()
  @IsIn(ROW_OUTCOMES)
  outcome?: RowOutcome;
}

export class ImportedRows extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ImportedRow)
  items!: ImportedRow[];
}

/** Rows are added to it, portion by portion; nothing is done before it is started. Forgotten after a day when it never is. */
export const beginImport = defineRequest({
  subject: 'muster.v1.service.device-registry.import.begin',
  request: BeginImport,
  reply: ImportBegun,
  errors: [],
  idempotent: false,
});

/** The same lines again change nothing. */
export const addImportRows = defineRequest({
  subject: 'muster.v1.service.device-registry.import.add-rows',
  request: AddImportRows,
  reply: Done,
  errors: ['import-not-found'],
  idempotent: true,
});

/** As a job of the same id. With an idempotency key: the first one's id, and this one is to be dropped. */
export const startImport = defineRequest({
  subject: 'muster.v1.service.device-registry.import.start',
  request: StartImport,
  reply: ImportStarted,
  errors: ['import-not-found', 'invalid-request', 'idempotency-key-reused'],
  idempotent: false,
});

/** Of one that was not started; anything else stays. */
export const dropImport = defineRequest({
  subject: 'muster.v1.service.device-registry.import.drop',
  request: ImportRef,
  reply: Done,
  errors: [],
  idempotent: true,
});

export const listImports = defineRequest({
  subject: 'muster.v1.service.device-registry.import.list',
  request: ListImports,
  reply: ImportPage,
  errors: ['invalid-request'],
  idempotent: true,
});

export class DeleteImport extends ImportRef {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

/** With its rows, and the tokens they still show; the devices and the job stay. Again: `import-not-found`. */
export const deleteImport = defineRequest({
  subject: 'muster.v1.service.device-registry.import.delete',
  request: DeleteImport,
  reply: Done,
  errors: ['import-not-found', 'import-not-finished'],
  idempotent: true,
});

export const getImport = defineRequest({
  subject: 'muster.v1.service.device-registry.import.get',
  request: ImportRef,
  reply: ImportView,
  errors: ['import-not-found'],
  idempotent: true,
});

export const listImportedRows = defineRequest({
  subject: 'muster.v1.service.device-registry.import.list-rows',
  request: ListImportedRows,
  reply: ImportedRows,
  errors: ['import-not-found', 'invalid-request'],
  idempotent: true,
});
