import { subjectToken } from './contract.js';
import type { JsonValue } from './fields.js';

/** The JetStream stream of stored telemetry: 24 hours, oldest discarded first. PostgreSQL is the record. */
export const TELEMETRY_STREAM = { name: 'TELEMETRY', subject: 'muster.v1.telemetry.>' } as const;

/** `muster.v1.telemetry.<tenant>.<appVersion>`: what was just stored, at least once, for other services and integrators. */
export const telemetrySubject = (tenantId: string, appVersion: string): string =>
  `muster.v1.telemetry.${subjectToken(tenantId)}.${subjectToken(appVersion)}`;

/** CloudEvents `type` of a batch of samples. */
export const TELEMETRY_TYPE = 'io.muster.telemetry.stored.v1';

export interface StoredSample {
  readonly deviceId: string;
  /** ISO 8601 in UTC. */
  readonly ts: string;
  readonly data: JsonValue;
}

export interface TelemetryBatch {
  readonly samples: readonly StoredSample[];
}
