import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { BulkOutcome } from '../fields.js';
import { Connectivity, DeviceRef, INTERFACES, type DeviceInterface } from './devices.requests.js';

/** How a client reached the door. */
export const TRANSPORTS = ['tcp', 'tls', 'ws', 'wss'] as const;
export type ConnectionTransport = (typeof TRANSPORTS)[number];

/** Of MQTT. */
export const PROTOCOL_VERSIONS = ['3.1', '3.1.1', '5'] as const;
export type ProtocolVersion = (typeof PROTOCOL_VERSIONS)[number];

/** Why a connection ended, as the door saw it. */
export const DISCONNECT_REASONS = [
  /** The client said DISCONNECT. */
  'disconnected',
  /** Its socket ended without a word. */
  'lost',
  /** It was silent for one and a half times its keepalive. */
  'keepalive',
  /** The same client connected anew. */
  'taken-over',
  /** It did not keep to MQTT, or to a rule that has no other answer than the end. */
  'protocol-error',
  /** It was slower than the door waits: with a packet, or in taking what it is sent. */
  'too-slow',
  /** Its device, or what it had shown, opens nothing any more. */
  'revoked',
  /** More connections or sessions than its device may have. */
  'limit',
  /** The broker ended it, or is away. */
  'broker',
  /** A service that had to be asked is away. */
  'unavailable',
  /** The door was stopped. */
  'stopping',
] as const;
export type DisconnectReason = (typeof DISCONNECT_REASONS)[number];

/** `door-lost`: the door was lost, and with it all its connections; it said nothing for as long as its lease. */
export const END_REASONS = [...DISCONNECT_REASONS, 'door-lost'] as const;
export type EndReason = (typeof END_REASONS)[number];

/** A connection by which a device is connected now. */
export class LiveConnection {
  /** As the client gave it. */
  @IsString()
  clientId!: string;

  /** Whose connection it is: of a device behind a gateway, the gateway's. */
  @IsString()
  deviceId!: string;

  @IsIn(TRANSPORTS)
  transport!: ConnectionTransport;

  @IsIn(PROTOCOL_VERSIONS)
  protocol!: ProtocolVersion;

  /** Where it comes from, as the door sees it: behind a balancer, the balancer's. Absent: not known. */
  @IsOptional()
  @IsString()
  address?: string;

  @IsISO8601()
  since!: string;
}

/** The end of a connection. */
export class ConnectionEnd {
  @IsISO8601()
  at!: string;

  @IsIn(END_REASONS)
  reason!: EndReason;

  /** As the client gave it. */
  @IsString()
  clientId!: string;
}

export class DeviceConnectivity extends Connectivity {
  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  /** By which it is connected, the newest first, at most 100. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => LiveConnection)
  connections!: LiveConnection[];

  /** The last of its connections to end, also while it has others; null: none yet. */
  @ValidateIf(({ lastEnded }: DeviceConnectivity) => lastEnded !== null)
  @ValidateNested()
  @Type(() => ConnectionEnd)
  lastEnded!: ConnectionEnd | null;
}

export const getConnectivity = defineRequest({
  subject: 'muster.v1.service.device-registry.device.get-connectivity',
  request: DeviceRef,
  reply: DeviceConnectivity,
  errors: ['device-not-found'],
  idempotent: true,
});

export const DOOR_REPORTS = ['opened', 'used', 'closed'] as const;
export type DoorReportKind = (typeof DOOR_REPORTS)[number];

const isDoors =
  (...kinds: readonly DoorReportKind[]) =>
  ({ kind }: DoorReport): boolean =>
    kinds.includes(kind);

/**
 * What a door tells of a connection. `opened` names the device whose it is, `used` another one for which it speaks as well.
 */
export class DoorReport {
  @IsIn(DOOR_REPORTS)
  kind!: DoorReportKind;

  /** Never used twice, by no door. */
  @IsString()
  @Length(1, 64)
  connection!: string;

  /** When it happened, by the clock of the door. Of a connection that is told anew: when it was opened. */
  @IsISO8601()
  at!: string;

  /** `opened`, `used`. */
  @ValidateIf(isDoors('opened', 'used'))
  @IsString()
  @Length(1, 64)
  tenantId?: string;

  /** `opened`, `used`. */
  @ValidateIf(isDoors('opened', 'used'))
  @IsString()
  @Length(1, 64)
  deviceId?: string;

  /** `opened`. */
  @ValidateIf(isDoors('opened'))
  @IsString()
  @Length(0, 128)
  clientId?: string;

  /** `opened`. */
  @ValidateIf(isDoors('opened'))
  @IsIn(TRANSPORTS)
  transport?: ConnectionTransport;

  /** `opened`. */
  @ValidateIf(isDoors('opened'))
  @IsIn(PROTOCOL_VERSIONS)
  protocol?: ProtocolVersion;

  /** `opened`. Absent: the client had gone already. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  address?: string;

  /** `closed`. */
  @ValidateIf(isDoors('closed'))
  @IsIn(DISCONNECT_REASONS)
  reason?: DisconnectReason;
}

/** What a door has to tell, if anything; each of these renews its lease. */
export class ReportConnections {
  /** One life of a door: another one after each start, and after each lapse of its lease. */
  @IsString()
  @Length(1, 64)
  door!: string;

  /** The door has not had an answer yet in this life. */
  @IsBoolean()
  isNew!: boolean;

  /** The connections of the door are taken for lost when it tells nothing for so long. 0: they are, now; the door goes. */
  @IsInt()
  @Min(0)
  @Max(3_600)
  leaseSeconds!: number;

  /** In the order in which they happened. */
  @IsArray()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => DoorReport)
  reports!: DoorReport[];
}

export class ConnectionsReported extends BulkOutcome {
  /**
   * Nothing of it was done: the lease has lapsed, or nobody knows of it, and all connections of this life of the door are
   * taken for lost. The door begins another one, and tells all that it still holds.
   */
  @IsBoolean()
  lapsed!: boolean;
}

/**
 * A device is connected while a connection is open that is its own or has used it. Idempotent in any order: what was told
 * before, and what comes later than its end, changes nothing; an end that comes before its beginning is kept for it. A connection that was lost with
 * the lease of its door is open again when the door tells of it in its next life. Outcomes: `device-not-found`.
 */
export const reportConnections = defineRequest({
  subject: 'muster.v1.service.device-registry.door.report-connections',
  request: ReportConnections,
  reply: ConnectionsReported,
  errors: [],
  idempotent: true,
});

/** Of a device whose connections are not ours to see: what the hub it is connected to tells of it. */
export class ConnectivityTold {
  @IsString()
  @Length(1, 64)
  tenantId!: string;

  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsBoolean()
  connected!: boolean;

  /** By the clock of the hub. */
  @IsISO8601()
  at!: string;

  /** As the hub knows it. */
  @IsString()
  @Length(1, 128)
  clientId!: string;
}

export class RecordConnectivity {
  @IsArray()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => ConnectivityTold)
  devices!: ConnectivityTold[];
}

/**
 * What is true of devices since then; who tells keeps the order of each device. What is known already changes nothing. A hub
 * does not say why a connection ended: the reason is `lost`. Outcomes: `device-not-found`.
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

  /** By which token. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  tokenId?: string;

  /** Of the secret that was shown besides, SHA-256 in hexadecimal. */
  @IsOptional()
  @Matches(/^[0-9a-f]{64}$/)
  secretHash?: string;

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
