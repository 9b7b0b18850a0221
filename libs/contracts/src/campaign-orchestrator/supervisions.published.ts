import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  ValidateNested,
} from 'class-validator';
import { definePublished } from '../contract.js';
import { Actor } from '../fields.js';
import {
  AreVerdictCounts,
  SUPERVISION_STATUSES,
  VERDICTS,
  VerdictReason,
  type SupervisionStatus,
  type Verdict,
  type VerdictCounts,
} from './supervisions.requests.js';

/** Devices of one message. */
export const MAX_TOLD_DEVICES = 500;

export class SupervisionChanged {
  @IsString()
  supervisionId!: string;

  /** Rises by one with every event of the supervision. */
  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @IsString()
  name!: string;

  @IsIn(SUPERVISION_STATUSES)
  status!: SupervisionStatus;

  @IsOptional()
  @IsString()
  campaignId?: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

export class ChangedVerdict {
  @IsString()
  deviceId!: string;

  @IsIn(VERDICTS)
  verdict!: Verdict;

  @IsIn(VERDICTS)
  from!: Verdict;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => VerdictReason)
  reasons!: VerdictReason[];
}

/** Devices that another verdict was given to, at most 500 of one supervision. */
export class SupervisionVerdictsChanged {
  @IsString()
  supervisionId!: string;

  /** Rises with every message about the supervision's devices. */
  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @IsOptional()
  @IsString()
  campaignId?: string;

  @IsArray()
  @ArrayMaxSize(MAX_TOLD_DEVICES)
  @ValidateNested({ each: true })
  @Type(() => ChangedVerdict)
  devices!: ChangedVerdict[];

  /** Of all its devices, after these. */
  @AreVerdictCounts()
  @IsObject()
  verdicts!: VerdictCounts;
}

const service = 'campaign-orchestrator';
const schemaVersion = 1;

export const supervisionChanged = definePublished({
  service,
  entity: 'supervision',
  verb: 'changed',
  schemaVersion,
  data: SupervisionChanged,
});

export const supervisionVerdictsChanged = definePublished({
  service,
  entity: 'supervision-verdicts',
  verb: 'changed',
  schemaVersion,
  data: SupervisionVerdictsChanged,
});
