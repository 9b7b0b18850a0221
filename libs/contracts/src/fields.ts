import 'reflect-metadata';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  registerDecorator,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { Type } from 'class-transformer';
import { MAX_TOKEN_BYTES, TOKEN_PATTERN, wrongToken } from './endpoint-token.js';
import { wrongName, wrongText } from './names.js';
import { timeOf, WRONG_TIME } from './times.js';

/** Names that appear in topics and URLs: device types and application versions. */
export const NAME_RULE = /^[A-Za-z0-9_-]{1,64}$/;
export const NAME_MESSAGE = { message: '$property must match [A-Za-z0-9_-]{1,64}' };

/** Tags of a device. */
export const MAX_TAGS = 50;
/** Folders in a row, each in the one before. */
export const MAX_FOLDER_DEPTH = 16;

/** Keys of metadata (10/EPMP), at most 64 characters. */
export const METADATA_KEY_RULE = /^[a-zA-Z0-9_]{1,64}$/;

/** Keys of a configuration: `# $ .` are what IoT Hub refuses in twins, the rest cannot be seen or turns the text around it. */
export const CONFIGURATION_KEY_RULE = /^[^\s#$.\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]{1,255}$/u;
export const CONFIGURATION_KEY_TEXT =
  'must be 1 to 255 characters without white space, "#", "$", "." and control or bidirectional characters';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** `default`: a default of a device type or app version, by the id of the type or the name of the version. */
export const ACTOR_KINDS = [
  'user',
  'api-key',
  'service-account',
  'campaign',
  'default',
  'device',
  'system',
] as const;
export type ActorKind = (typeof ACTOR_KINDS)[number];

/** Who wants a change. It is stored with every event and published with it. */
export class Actor {
  @IsIn(ACTOR_KINDS)
  kind!: ActorKind;

  @IsString()
  @Length(1, 128)
  id!: string;
}

/** What every request carries: whose data it is about. */
export class TenantRequest {
  @Matches(/^[A-Za-z0-9_-]{1,64}$/)
  tenantId!: string;
}

/** A request that changes something. */
export class ChangeRequest extends TenantRequest {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  /** The version the caller has seen (`If-Match`); another one stored answers `version-mismatch`. */
  @IsOptional()
  @IsInt()
  @Min(0)
  expectedVersion?: number;
}

/** The caller's `Idempotency-Key`: the same key with the same body gets the first answer again, kept for 24 hours. */
export class CreateRequest extends TenantRequest {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsOptional()
  @IsString()
  @Length(1, 255)
  idempotencyKey?: string;
}

export const DEFAULT_PAGE = 50;
export const MAX_PAGE = 500;

/** What is read page by page as far as somebody looks, and is not counted: to count it would be to read all of it. */
export class CursorRequest extends TenantRequest {
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit?: number;

  /** Opaque: `nextCursor` of the page before. */
  @IsOptional()
  @IsString()
  @MaxLength(1024)
  cursor?: string;
}

/** A list is asked for page by page. */
export class PageRequest extends CursorRequest {
  /** Whether the page tells the `total`. */
  @IsOptional()
  @IsBoolean()
  count?: boolean;
}

/** The answer to it: a page extends this with its `items`. */
export class Page {
  /** Opaque: the `cursor` of the next page; null: this was the last. */
  @ValidateIf((page: Page) => page.nextCursor !== null)
  @IsString()
  nextCursor!: string | null;

  /** With `count`: how many there are, whatever the page. */
  @IsOptional()
  @IsInt()
  total?: number;
}

/** A rule of our own: `wrong` says what breaks it, undefined: nothing. `name` is what the JSON Schema knows it by. */
export const rule =
  (
    name: string,
    wrong: (value: unknown) => string | undefined,
    constraints: readonly unknown[] = [],
  ): PropertyDecorator =>
  (target, propertyName) => {
    registerDecorator({
      name,
      constraints: [...constraints],
      target: target.constructor,
      propertyName: String(propertyName),
      validator: {
        validate: (value: unknown) => wrong(value) === undefined,
        defaultMessage: (of) => `${String(propertyName)} ${wrong(of?.value) ?? ''}`,
      },
    });
  };

/** A name that people give: it can be seen, and looks like what it is. */
export const IsName = (max: number): PropertyDecorator =>
  rule('isName', (value) => wrongName(value, max), [1, max]);

/** A description, a reason. */
export const IsText = (max: number): PropertyDecorator =>
  rule('isText', (value) => wrongText(value, max), [max]);

/** An endpoint token that a caller gives. How short it may be is a setting of the device type. */
export const IsEndpointToken = (): PropertyDecorator =>
  rule('isEndpointToken', wrongToken, [TOKEN_PATTERN, MAX_TOKEN_BYTES]);

/** A moment that a caller names. */
export const IsTime = (): PropertyDecorator =>
  rule('isTime', (value) =>
    typeof value === 'string' && timeOf(value) !== undefined ? undefined : WRONG_TIME,
  );

/**
 * A filter in the grammar of docs/filters.md. Any text passes: whether it can be read is known to the service whose fields
 * they are, and what it says of a wrong one (`invalid-filter`, with the position) is better than "must match".
 */
export const IsFilter = (): PropertyDecorator =>
  rule('isFilter', (value) => (typeof value === 'string' ? undefined : 'must be a string'));

/** The answer of a request that has nothing to say. */
export class Done {}

/** What became of one item of a bulk request. */
export class ItemOutcome {
  /** Absent: done. Otherwise a code of the error catalogue. */
  @IsOptional()
  @IsString()
  code?: string;

  @IsOptional()
  @IsString()
  detail?: string;
}

/** One outcome per item, in the order of the request. */
export class BulkOutcome {
  @IsArray()
  @ArrayMaxSize(5000)
  @ValidateNested({ each: true })
  @Type(() => ItemOutcome)
  outcomes!: ItemOutcome[];
}
