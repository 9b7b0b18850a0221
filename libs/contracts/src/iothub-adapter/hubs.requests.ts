import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
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
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { NullRemoves } from '../described.js';
import { EnrolmentRule } from '../device-registry/certificate-authorities.requests.js';
import {
  Actor,
  ChangeRequest,
  CreateRequest,
  Done,
  NAME_MESSAGE,
  NAME_RULE,
  Page,
  PageRequest,
  TenantRequest,
} from '../fields.js';

/** Device types that are sent to one hub. */
export const MAX_HUB_DEVICE_TYPES = 100;

/** As Azure names them; what a hub may be asked how often depends on it. */
export const HUB_TIERS = ['F1', 'S1', 'S2', 'S3'] as const;
export type HubTier = (typeof HUB_TIERS)[number];

/** How a hub lets an identity in, as Azure names it. */
export const HUB_AUTHENTICATIONS = ['certificateAuthority', 'selfSigned', 'sas'] as const;
export type HubAuthentication = (typeof HUB_AUTHENTICATIONS)[number];

/**
 * What identities become that others make in the hub, as the Device Provisioning Service does: whoever may make them vouches for
 * them, and the hub has proved their certificate.
 */
export class HubEnrolment extends EnrolmentRule {
  /**
   * What lets such an identity in at the hub. Default: `certificateAuthority` and `selfSigned`, a certificate in any case; the
   * Device Provisioning Service pins the certificate of a device that an authority vouches for.
   */
  @IsOptional()
  @IsArray()
  @ArrayUnique()
  @IsIn(HUB_AUTHENTICATIONS, { each: true })
  authentication?: HubAuthentication[];
}

/** What can be said of a hub besides its name. */
class HubDetails {
  /** Whose events are read under that name at the built-in endpoint. Default: `$Default`. Nobody else may read in it. */
  @IsOptional()
  @Matches(/^\$Default$|^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$/, {
    message:
      'must be $Default, or 1 to 50 letters, digits, dots, hyphens and underscores, of which the first is a letter or a digit',
  })
  consumerGroup?: string;

  /** Ids or names of the device types whose devices are in this hub. Empty, and the default: all that no other hub of the tenant names. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_HUB_DEVICE_TYPES)
  @ArrayUnique()
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  deviceTypes?: string[];

  /** Default: S1. Who states more than is paid for is told 429 by the hub, and waits then. */
  @IsOptional()
  @IsIn(HUB_TIERS)
  tier?: HubTier;

  /** How many units of the tier. Default: 1. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(200)
  units?: number;

  /** A rule by which identities become devices that others have made in the hub. Default, and null: there is none. Replaces the whole rule; the count of those who enrolled goes on. */
  @IsOptional()
  @NullRemoves()
  @ValidateNested()
  @Type(() => HubEnrolment)
  enrolment?: HubEnrolment | null;
}

export class HubInput extends HubDetails {
  @Matches(NAME_RULE, NAME_MESSAGE)
  name!: string;

  /** Of a shared access policy with the rights RegistryRead, RegistryWrite and ServiceConnect, as the Azure portal shows it: `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`. Never shown again. A host name with a port is spoken to there, over HTTPS and AMQP alike. */
  @IsString()
  @Length(1, 1024)
  connectionString!: string;
}

/** Merge: what is absent stays. */
export class HubEdit extends HubDetails {
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  name?: string;

  /** As when it was made, with another key. */
  @IsOptional()
  @IsString()
  @Length(1, 1024)
  connectionString?: string;
}

export class CreateHub extends CreateRequest {
  @ValidateNested()
  @Type(() => HubInput)
  hub!: HubInput;
}

export class HubRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  hubId!: string;
}

export class ListHubs extends PageRequest {}

export class EditHub extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  hubId!: string;

  @ValidateNested()
  @Type(() => HubEdit)
  edit!: HubEdit;
}

export class DeleteHub extends HubRef {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

/** Where the events of a hub are read: its built-in endpoint, which it has told. */
export class HubEndpoint {
  @IsString()
  hostName!: string;

  /** Name of the event hub behind it. */
  @IsString()
  eventHub!: string;

  @IsArray()
  @IsString({ each: true })
  partitions!: string[];
}

/** What a hub tells by its routes: where one is missing nobody here learns of it. */
export const HUB_ROUTES = [
  'DeviceMessages',
  'TwinChangeEvents',
  'DeviceLifecycleEvents',
  'DeviceConnectionStateEvents',
] as const;
export type HubRouteSource = (typeof HUB_ROUTES)[number];

export const ROUTE_STATES = ['works', 'checking', 'missing', 'unknown'] as const;
export type RouteState = (typeof ROUTE_STATES)[number];

/** No call shows the routes of a hub: this is what is concluded from what it tells. */
export class HubRoute {
  /** As Azure names the source of a route. */
  @IsIn(HUB_ROUTES)
  source!: HubRouteSource;

  /** `checking`: a check was made just now, and is to be told of; `missing`: it seems so; `unknown`: nothing has happened that would have been told. */
  @IsIn(ROUTE_STATES)
  state!: RouteState;

  /** Why, for people. */
  @IsString()
  message!: string;

  /** The last event of a device, to within a minute. */
  @IsOptional()
  @IsISO8601()
  seenAt?: string;
}

export class HubEnrolmentView extends HubEnrolment {
  /** In all. */
  @IsInt()
  enrolled!: number;
}

export const HUB_STATES = ['works', 'limited', 'incomplete', 'refusing', 'away', 'unknown'] as const;
export type HubState = (typeof HUB_STATES)[number];

/** How a hub is, by what is known of it: it is not asked for this; a check asks it. */
export class HubHealth {
  /** The worst that is known. `away`: its events are not read; `refusing`: it has not taken devices; `incomplete`: a route seems missing; `limited`: it may not be asked as often as there is something for it; `unknown`: it was added just now. */
  @IsIn(HUB_STATES)
  state!: HubState;

  /** Why, for people. Absent where it works or is not known. */
  @IsOptional()
  @IsString()
  message?: string;

  /** Devices that wait: to be made, changed or removed in the hub, or to be told something by it. */
  @IsInt()
  waiting!: number;

  /** Since when it is `away`. */
  @IsOptional()
  @IsISO8601()
  since?: string;

  /** When the last who waits now has his turn, where it is `limited`. */
  @IsOptional()
  @IsISO8601()
  until?: string;
}

export class HubView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  /** With a port, where it is not reached at the usual ones. */
  @IsString()
  hostName!: string;

  /** Name of the shared access policy; its key is shown to nobody. */
  @IsString()
  policy!: string;

  /** Tells keys apart, and no more. */
  @IsString()
  keyFingerprint!: string;

  @IsString()
  consumerGroup!: string;

  @IsIn(HUB_TIERS)
  tier!: HubTier;

  @IsInt()
  units!: number;

  /** Ids. Empty: all that no other hub of the tenant names. */
  @IsArray()
  @IsString({ each: true })
  deviceTypes!: string[];

  @IsOptional()
  @ValidateNested()
  @Type(() => HubEnrolmentView)
  enrolment?: HubEnrolmentView;

  /** In the answer of one hub, not in the list. */
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => HubRoute)
  routes?: HubRoute[];

  /** In the answer of one hub, and in the list. */
  @IsOptional()
  @ValidateNested()
  @Type(() => HubHealth)
  health?: HubHealth;

  @IsInt()
  version!: number;

  @IsISO8601()
  createdAt!: string;

  @ValidateNested()
  @Type(() => Actor)
  createdBy!: Actor;
}

export class HubPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => HubView)
  items!: HubView[];
}

/** One thing that keeps us from working with a hub. */
export class HubFault {
  /** What it lies in: `host-name`, `key`, `right`, `endpoint`, `consumer-group` or `route`. */
  @IsString()
  about!: string;

  /** What is wrong and what to do, for people. */
  @IsString()
  message!: string;
}

/** What a hub has answered just now. */
export class HubCheck {
  /** There are no faults. */
  @IsBoolean()
  works!: boolean;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => HubFault)
  faults!: HubFault[];

  /** Absent: the hub has not told. */
  @IsOptional()
  @ValidateNested()
  @Type(() => HubEndpoint)
  endpoint?: HubEndpoint;

  /** Absent: they could not be looked at. */
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => HubRoute)
  routes?: HubRoute[];
}

/**
 * Checks the hub before anything is stored: that it answers under its name, takes the key, that the policy has the rights,
 * and where its events are read. `iot-hub-unusable` says what is wrong with which field.
 */
export const createHub = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.hub.create',
  request: CreateHub,
  reply: HubView,
  errors: [
    'invalid-request',
    'device-type-not-found',
    'iot-hub-unusable',
    'iot-hub-name-taken',
    'iot-hub-exists',
    'iot-hub-device-type-taken',
    'iot-hubs-not-set-up',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

/** By name. */
export const listHubs = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.hub.list',
  request: ListHubs,
  reply: HubPage,
  errors: ['invalid-request'],
  idempotent: true,
});

export const getHub = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.hub.get',
  request: HubRef,
  reply: HubView,
  errors: ['iot-hub-not-found'],
  idempotent: true,
});

/** Asks the hub now what is checked when it is created. Makes an identity in it and removes that again, and waits up to 15 s for the hub to tell of it. */
export const checkHub = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.hub.check',
  request: HubRef,
  reply: HubCheck,
  errors: ['iot-hub-not-found', 'iot-hubs-not-set-up'],
  idempotent: true,
});

/** As `createHub`. Another host is another hub: the connection string must be of the same. */
export const editHub = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.hub.edit',
  request: EditHub,
  reply: HubView,
  errors: [
    'invalid-request',
    'device-type-not-found',
    'iot-hub-not-found',
    'iot-hub-unusable',
    'iot-hub-name-taken',
    'iot-hub-device-type-taken',
    'iot-hubs-not-set-up',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/** Forgets the hub and its key. In the hub itself nothing changes. */
export const deleteHub = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.hub.delete',
  request: DeleteHub,
  reply: Done,
  errors: ['iot-hub-not-found', 'concurrent-change'],
  idempotent: true,
});
