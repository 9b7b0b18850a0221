import { Type } from 'class-transformer';
import { IsArray, IsDefined, IsISO8601, IsString, ValidateNested } from 'class-validator';
import { subjectToken } from '../contract.js';
import type { JsonValue } from '../fields.js';

/** The JetStream stream of stored telemetry: 24 hours, oldest discarded first. PostgreSQL is the record. */
export const TELEMETRY_STREAM = { name: 'TELEMETRY', subjects: ['muster.v1.telemetry.>'] } as const;

/** `muster.v1.telemetry.<tenant>.<appVersion>`: what was just stored, at least once, for other services and integrators. */
export const telemetrySubject = (tenantId: string, appVersion: string): string =>
  `muster.v1.telemetry.${subjectToken(tenantId)}.${subjectToken(appVersion)}`;

/** CloudEvents `type` of a batch of samples. */
export const TELEMETRY_TYPE = 'io.muster.telemetry.stored.v1';

/** Known by all three together: the same again is the same sample. */
export class StoredSample {
  @IsString()
  deviceId!: string;

  /** ISO 8601 in UTC. */
  @IsISO8601()
  ts!: string;

  /** Any JSON value, usually an object of several keys. */
  @IsDefined()
  data!: JsonValue;
}

export class TelemetryBatch {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => StoredSample)
  samples!: StoredSample[];
}
