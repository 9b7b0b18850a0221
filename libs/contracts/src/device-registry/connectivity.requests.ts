import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsString,
  Length,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { BulkOutcome } from '../fields.js';
import { Connectivity, DeviceRef, INTERFACES, type DeviceInterface } from './devices.requests.js';

export class DeviceConnectivity extends Connectivity {
  @IsIn(INTERFACES)
  interface!: DeviceInterface;
}

export const getConnectivity = defineRequest({
  subject: 'muster.v1.service.device-registry.device.get-connectivity',
  request: DeviceRef,
  reply: DeviceConnectivity,
  errors: ['device-not-found'],
  idempotent: true,
});

export const CONNECTION_REPORTS = ['opened', 'used', 'closed', 'broker-seen'] as const;
export type ConnectionReportKind = (typeof CONNECTION_REPORTS)[number];

const isOf =
  (...kinds: readonly ConnectionReportKind[]) =>
  ({ kind }: ConnectionReport): boolean =>
    kinds.includes(kind);

/**
 * What a broker told of a client's connection. A client is a device only once it has used a token of it: `used` says so,
 * and a client may speak for several. `broker-seen` says that a broker runs, and since when: the connections of its
 * earlier life are gone, and nobody will report them closed.
 */
export class ConnectionReport {
  @IsIn(CONNECTION_REPORTS)
  kind!: ConnectionReportKind;

  @IsISO8601()
  at!: string;

  /** `opened`, `closed`. Never used twice, not even by a broker that was restarted. */
  @ValidateIf(isOf('opened', 'closed'))
  @IsString()
  @Length(1, 512)
  connection?: string;

  /** `opened`, `used`. At most one connection of a client is new; an older one of the same id is on its way out. */
  @ValidateIf(isOf('opened', 'used'))
  @IsString()
  @Length(1, 128)
  clientId?: string;

  /** `opened`, `broker-seen`. */
  @ValidateIf(isOf('opened', 'broker-seen'))
  @IsString()
  @Length(1, 255)
  broker?: string;

  /** `opened`, `broker-seen`. Another number: the broker was restarted. */
  @ValidateIf(isOf('opened', 'broker-seen'))
  @IsInt()
  @Min(0)
  incarnation?: number;

  /** `used`. */
  @ValidateIf(isOf('used'))
  @IsString()
  @Length(1, 64)
  tenantId?: string;

  /** `used`. */
  @ValidateIf(isOf('used'))
  @IsString()
  @Length(1, 64)
  deviceId?: string;
}

/** In the order in which they happened. */
export class RecordConnectivity {
  @IsArray()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => ConnectionReport)
  reports!: ConnectionReport[];
}

/**
 * A device is connected while at least one connection that has used it is open. Idempotent: what was reported before, and
 * what comes later than its end, changes nothing. Outcomes: `device-not-found`.
 */
export const recordConnectivity = defineRequest({
  subject: 'muster.v1.service.device-registry.device.record-connectivity',
  request: RecordConnectivity,
  reply: BulkOutcome,
  errors: [],
  idempotent: true,
});

export class LastSeen {
  @IsString()
  @Length(1, 64)
  tenantId!: string;

  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsISO8601()
  at!: string;
}

export class RecordLastSeen {
  @IsArray()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => LastSeen)
  devices!: LastSeen[];
}

/** When devices were last heard. An older time changes nothing. Outcomes: `device-not-found`. */
export const recordLastSeen = defineRequest({
  subject: 'muster.v1.service.device-registry.device.record-last-seen',
  request: RecordLastSeen,
  reply: BulkOutcome,
  errors: [],
  idempotent: true,
});
