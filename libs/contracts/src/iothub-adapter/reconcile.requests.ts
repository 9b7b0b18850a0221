import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { CreateRequest, Page, PageRequest } from '../fields.js';
import { JobStarted } from '../jobs/requests.js';

export const STRANGER_CHOICES = ['report', 'adopt', 'remove'] as const;
export type StrangerChoice = (typeof STRANGER_CHOICES)[number];

export class ReconcileInput {
  /** Only tells, as findings, what is different; nothing is done here or in the hub. Default: false. */
  @IsOptional()
  @IsBoolean()
  dryRun?: boolean;

  /**
   * What becomes of identities in the hub that no device here has: `report`, the default, only tells of them; `adopt` makes
   * a device of `deviceType` for each that is enabled, and leaves its key or certificate as it is; `remove` removes them from the hub.
   */
  @IsOptional()
  @IsIn(STRANGER_CHOICES)
  unknown?: StrangerChoice;

  /** Id or name. With `adopt`, and only with it. Its devices must be in this hub. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  deviceType?: string;
}

export class StartReconcile extends CreateRequest {
  @IsString()
  @Length(1, 64)
  hubId!: string;

  @ValidateNested()
  @Type(() => ReconcileInput)
  reconcile!: ReconcileInput;
}

/** `unknown`: in the hub, and no device here has it. `missing`: to be in the hub, and it is not. `different`: it is there, and not as it is to be. */
export const FINDING_KINDS = ['unknown', 'missing', 'different'] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** `open`: nothing was done. `refused`: it could not be; `code` and `detail` say why. */
export const FINDING_OUTCOMES = ['open', 'made', 'mended', 'adopted', 'removed', 'refused'] as const;
export type FindingOutcome = (typeof FINDING_OUTCOMES)[number];

/** Something that a hub has and we do not, or the other way round. */
export class HubFinding {
  /** Its id in the hub. */
  @IsString()
  hubDeviceId!: string;

  @IsIn(FINDING_KINDS)
  finding!: FindingKind;

  /** Absent: there is none. */
  @IsOptional()
  @IsString()
  deviceId?: string;

  @IsIn(FINDING_OUTCOMES)
  outcome!: FindingOutcome;

  /** Of the error catalogue: why nothing was done. */
  @IsOptional()
  @IsString()
  code?: string;

  @IsOptional()
  @IsString()
  detail?: string;

  /** The job that found it. Absent: the hub has told of it by an event. */
  @IsOptional()
  @IsString()
  jobId?: string;

  @IsISO8601()
  at!: string;
}

export class ListFindings extends PageRequest {
  @IsString()
  @Length(1, 64)
  hubId!: string;

  @IsOptional()
  @IsIn(FINDING_KINDS)
  finding?: FindingKind;

  @IsOptional()
  @IsIn(FINDING_OUTCOMES)
  outcome?: FindingOutcome;
}

export class FindingPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => HubFinding)
  items!: HubFinding[];
}

/**
 * Walks all identities of the hub and all devices of it, as a job of kind `iot-hub-reconcile` (or `iot-hub-reconcile-dry-run`),
 * whose items are what is different. What is ours and missing or different there is made or mended. One at a time for each hub:
 * `iot-hub-busy`. Errors of items are the job's: `iot-hub-refused`, `enrolment-refused`, `device-exists`.
 */
export const startReconcile = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.reconcile.start',
  request: StartReconcile,
  reply: JobStarted,
  errors: [
    'invalid-request',
    'device-type-not-found',
    'iot-hub-not-found',
    'iot-hub-busy',
    'iot-hubs-not-set-up',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

/** What the last reconciliation found, and what the hub has told since; by id in the hub. */
export const listFindings = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.reconcile.list-findings',
  request: ListFindings,
  reply: FindingPage,
  errors: ['invalid-request', 'iot-hub-not-found'],
  idempotent: true,
});
