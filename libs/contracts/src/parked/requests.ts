import { Type } from 'class-transformer';
import {
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
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest, type RequestContract } from '../contract.js';
import { Described } from '../described.js';
import { Actor, Done, IsFilter, Page, PageRequest, TenantRequest } from '../fields.js';

/** `open`: somebody has to decide. The others are decided, and are removed some time later. */
export const PARKED_STATES = ['open', 'replayed', 'dropped'] as const;
export type ParkedState = (typeof PARKED_STATES)[number];

/** A consumer or a queue, as it is written in subjects: `configuration-known-devices`, `muster-uplink`. */
const CONSUMER_RULE = /^[a-z][a-z0-9-]{0,63}$/;
/** The stream it reads, or the broker that has the queue: `EVENTS_DEVICE_REGISTRY`, `rabbitmq`. */
const STREAM_RULE = /^[A-Za-z0-9_-]{1,64}$/;
/** Made of the message itself, see `park` in libs/messaging. */
const ID_RULE = /^[A-Za-z0-9_-]{1,64}$/;

/** The bytes of a message on the bus: large ones are compressed, so that what once fitted the bus fits again. */
export class PackedPayload {
  @IsIn(['plain', 'gzip'])
  packing!: 'plain' | 'gzip';

  @IsString()
  base64!: string;
}

/** What the process that could not handle a message needs to handle it again. */
export class ParkedMessage extends TenantRequest {
  @Matches(STREAM_RULE)
  stream!: string;

  @Matches(CONSUMER_RULE)
  consumer!: string;

  /** Subject or routing key. A device's token may be in it: it is for replay alone, `shownSubject` is for people. */
  @IsString()
  @MaxLength(1024)
  subject!: string;

  /** Name → text. */
  @Described(() => ({ additionalProperties: { type: 'string' } }))
  @IsObject()
  headers!: Record<string, string>;

  /** Absent: it did not fit. It is in the stream, under `sequence`. */
  @IsOptional()
  @ValidateNested()
  @Type(() => PackedPayload)
  payload?: PackedPayload;

  @IsOptional()
  @IsInt()
  @Min(1)
  sequence?: number;
}

/** A recorded message, handed to where it came from. */
export class ReplayMessage extends ParkedMessage {
  /** When it was parked for the first time: what has no time of its own is about as old. */
  @IsISO8601()
  parkedAt!: string;
}

/** Idempotent by `id`: the same message parked again is the same record with more tries, and open again. */
export class RecordParked extends ParkedMessage {
  @Matches(ID_RULE)
  id!: string;

  /** The app whose consumer or queue it is. */
  @Matches(CONSUMER_RULE)
  service!: string;

  @IsString()
  @MaxLength(1024)
  shownSubject!: string;

  /** Of the error catalogue; absent: none of them fits. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  code?: string;

  @IsString()
  @MaxLength(4096)
  reason!: string;

  /** How often it was tried before it was parked. */
  @IsInt()
  @Min(1)
  tries!: number;

  @IsOptional()
  @Matches(/^[0-9a-f]{32}$/)
  traceId?: string;

  /** How many bytes the payload has. */
  @IsInt()
  @Min(0)
  bytes!: number;
}

export class ParkedView {
  @IsString()
  id!: string;

  @IsIn(PARKED_STATES)
  state!: ParkedState;

  /** The app that could not process it. */
  @IsString()
  service!: string;

  /** Where it came from: a stream of events, or the broker. */
  @IsString()
  stream!: string;

  /** The consumer of that stream, or the queue. */
  @IsString()
  consumer!: string;

  /** Subject or topic; of a device's token only the beginning. */
  @IsString()
  subject!: string;

  @IsOptional()
  @IsString()
  code?: string;

  @IsString()
  reason!: string;

  /** How often it was tried in all. */
  @IsInt()
  tries!: number;

  @IsInt()
  bytes!: number;

  @IsISO8601()
  firstParkedAt!: string;

  @IsISO8601()
  lastParkedAt!: string;

  @IsOptional()
  @IsString()
  traceId?: string;

  /** Who replayed or dropped it. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  decidedBy?: Actor;

  @IsOptional()
  @IsISO8601()
  decidedAt?: string;
}

export class ShownPayload {
  /** `json` and `text`: as it is; `base64`: bytes that are no text; `absent`: in the stream only. */
  @IsIn(['json', 'text', 'base64', 'absent'])
  encoding!: 'json' | 'text' | 'base64' | 'absent';

  @IsString()
  content!: string;

  /** Only its beginning is shown. */
  @IsBoolean()
  truncated!: boolean;
}

export class ParkedDetails extends ParkedView {
  @Described(() => ({ additionalProperties: { type: 'string' } }))
  @IsObject()
  headers!: Record<string, string>;

  @ValidateNested()
  @Type(() => ShownPayload)
  payload!: ShownPayload;
}

export class ParkedRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  parkedId!: string;
}

/** Newest first. */
export class ListParked extends PageRequest {
  /** Fields: state, service, stream, consumer, code, tries, firstParkedAt, lastParkedAt, traceId. */
  @IsOptional()
  @IsFilter()
  filter?: string;
}

export class ParkedPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ParkedView)
  items!: ParkedView[];
}

export class DecideParked extends ParkedRef {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

/** Which open ones to replay; absent: all. */
export class ParkedSelection {
  @IsOptional()
  @IsFilter()
  filter?: string;

  /** `nextCursor` of the answer before. */
  @IsOptional()
  @IsString()
  @MaxLength(1024)
  cursor?: string;
}

export class ReplayMatching extends TenantRequest {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @ValidateNested()
  @Type(() => ParkedSelection)
  selection!: ParkedSelection;
}

export class FailedReplay {
  @IsString()
  id!: string;

  @IsString()
  code!: string;

  @IsString()
  detail!: string;
}

/** What became of some of them, oldest first: as many as could be replayed within some seconds. */
export class ReplayedSome {
  @IsInt()
  replayed!: number;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => FailedReplay)
  failures!: FailedReplay[];

  /** Ask again with it for the next ones. Null: that were all. */
  @ValidateIf((page: ReplayedSome) => page.nextCursor !== null)
  @IsString()
  nextCursor!: string | null;
}

export class ReplayOutcome {
  @IsIn(['done', 'failed'])
  outcome!: 'done' | 'failed';

  @IsOptional()
  @IsString()
  code?: string;

  /** With `failed`. */
  @IsOptional()
  @IsString()
  detail?: string;
}

/** Resolves when it is in the table. */
export const recordParked = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.parked.record',
  request: RecordParked,
  reply: Done,
  errors: [],
  idempotent: true,
});

export const listParked = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.parked.list',
  request: ListParked,
  reply: ParkedPage,
  errors: ['invalid-request', 'invalid-filter'],
  idempotent: true,
});

export const getParked = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.parked.get',
  request: ParkedRef,
  reply: ParkedDetails,
  errors: ['parked-message-not-found'],
  idempotent: true,
});

/**
 * Has the message handled again where it came from. Answers what is known of it then: `replayed`, or still `open` with the
 * new reason and one try more. `unavailable` when nobody is there to handle it, or for what passes by itself: nothing is
 * changed then. Once it is replayed, asking again changes nothing.
 */
export const replayParked = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.parked.replay',
  request: DecideParked,
  reply: ParkedView,
  errors: ['parked-message-not-found', 'parked-message-dropped'],
  idempotent: true,
});

export const replayMatching = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.parked.replay-matching',
  request: ReplayMatching,
  reply: ReplayedSome,
  errors: ['invalid-request', 'invalid-filter'],
  idempotent: true,
});

export const dropParked = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.parked.drop',
  request: DecideParked,
  reply: Done,
  errors: ['parked-message-not-found', 'parked-message-replayed'],
  idempotent: true,
});

/**
 * Served by every process for each consumer and queue it has. By the consumer and not by the service, so that nobody there
 * means exactly that: no process takes such messages now.
 */
export const replayAt = (consumer: string): RequestContract<ReplayMessage, ReplayOutcome> =>
  defineRequest({
    subject: `muster.v1.service.${consumer}.parked.replay`,
    request: ReplayMessage,
    reply: ReplayOutcome,
    errors: [],
    idempotent: true,
  });
