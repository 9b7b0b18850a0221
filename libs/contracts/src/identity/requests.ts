import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { NullRemoves } from '../described.js';
import {
  Actor,
  ChangeRequest,
  CreateRequest,
  Done,
  NAME_MESSAGE,
  NAME_RULE,
  Page,
  PageRequest,
  rule,
  TenantRequest,
} from '../fields.js';
import { timeOf } from '../times.js';

/** `now`, `beginning`: what the streams still hold; or an ISO 8601 time. */
const START_PATTERN =
  '^(now|beginning|\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2}))$';

const wrongStart = (value: unknown): string | undefined => {
  if (value === 'now' || value === 'beginning') return undefined;
  if (typeof value === 'string' && timeOf(value) !== undefined) return undefined;
  return 'must be now, beginning or an ISO 8601 time that exists, with Z or an offset';
};

const IsStart = (): PropertyDecorator => rule('isStart', wrongStart, [START_PATTERN]);

export class IntegrationInput {
  @Matches(NAME_RULE, NAME_MESSAGE)
  name!: string;

  /** Whose events it can replay. Absent: of all services, those that come later too. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(50)
  @ArrayUnique()
  @IsString({ each: true })
  services?: string[];

  /** Where its replay begins: `now` (default), `beginning` (what the streams still hold), or an ISO 8601 time. */
  @IsOptional()
  @IsStart()
  from?: string;
}

/** Merge: what is absent stays. */
export class IntegrationEdit {
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  name?: string;

  /** Whose events it can replay; of one that was not among them, from then on. Null: of all services, those that come later too. */
  @IsOptional()
  @NullRemoves()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(50)
  @ArrayUnique()
  @IsString({ each: true })
  services?: string[] | null;
}

export class CreateIntegration extends CreateRequest {
  @ValidateNested()
  @Type(() => IntegrationInput)
  integration!: IntegrationInput;
}

export class IntegrationRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  integrationId!: string;
}

export class ListIntegrations extends PageRequest {}

export class EditIntegration extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  integrationId!: string;

  @ValidateNested()
  @Type(() => IntegrationEdit)
  edit!: IntegrationEdit;
}

export class RenewIntegrationCredentials extends CreateRequest {
  @IsString()
  @Length(1, 64)
  integrationId!: string;
}

export class DeleteIntegration extends IntegrationRef {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

/** A durable pull consumer that is the integration's own. */
export class IntegrationConsumer {
  @IsString()
  service!: string;

  @IsString()
  stream!: string;

  @IsString()
  consumer!: string;

  /** The subjects it delivers, which can also be subscribed to live. */
  @IsString()
  filter!: string;
}

/** What an integration connects with. The credentials are shown this once. */
export class IntegrationAccess {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  /** The tenant's id: part of every subject. */
  @IsString()
  tenant!: string;

  @IsString()
  natsUrl!: string;

  /** Content of a .creds file. Absent in the answer to a repetition with the same `Idempotency-Key`: nothing keeps them. */
  @IsOptional()
  @IsString()
  credentials?: string;

  /** Clients must be told: they may listen to no other inbox. */
  @IsString()
  inboxPrefix!: string;

  /** Where JetStream is found: the `apiPrefix`, or API prefix, of clients. */
  @IsString()
  apiPrefix!: string;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => IntegrationConsumer)
  consumers!: IntegrationConsumer[];

  /** All events of the tenant as they happen; what is missed meanwhile is missed. */
  @IsString()
  liveSubject!: string;

  @IsInt()
  version!: number;
}

export class IntegrationView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  /** As they are now: without a choice, all there are. */
  @IsArray()
  @IsString({ each: true })
  services!: string[];

  @IsString()
  from!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  createdAt!: string;

  @ValidateNested()
  @Type(() => Actor)
  createdBy!: Actor;

  /** When the credentials in use were issued. */
  @IsISO8601()
  credentialsAt!: string;
}

export class IntegrationPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => IntegrationView)
  items!: IntegrationView[];
}

export class IntegrationConsumerState extends IntegrationConsumer {
  /** Events that were not fetched yet; null: the consumer is not there at the moment, and is being made again. */
  @ValidateIf((state: IntegrationConsumerState) => state.waiting !== null)
  @IsInt()
  waiting!: number | null;

  /** Events that were fetched and not acknowledged. */
  @ValidateIf((state: IntegrationConsumerState) => state.unacknowledged !== null)
  @IsInt()
  unacknowledged!: number | null;

  /** Absent: nothing was acknowledged since the server started. */
  @IsOptional()
  @IsISO8601()
  lastAcknowledgedAt?: string;
}

export class IntegrationState extends IntegrationView {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => IntegrationConsumerState)
  consumers!: IntegrationConsumerState[];
}

/** Resolves when the credentials work and the consumers are there. */
export const createIntegration = defineRequest({
  subject: 'muster.v1.service.identity.integration.create',
  request: CreateIntegration,
  reply: IntegrationAccess,
  errors: [
    'integration-name-taken',
    'integration-limit-reached',
    'integrations-not-set-up',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

export const listIntegrations = defineRequest({
  subject: 'muster.v1.service.identity.integration.list',
  request: ListIntegrations,
  reply: IntegrationPage,
  errors: [],
  idempotent: true,
});

export const getIntegration = defineRequest({
  subject: 'muster.v1.service.identity.integration.get',
  request: IntegrationRef,
  reply: IntegrationState,
  errors: ['integration-not-found'],
  idempotent: true,
});

/** Its credentials stay, and so do its places in the streams that it goes on to read. */
export const editIntegration = defineRequest({
  subject: 'muster.v1.service.identity.integration.edit',
  request: EditIntegration,
  reply: IntegrationView,
  errors: [
    'invalid-request',
    'integration-not-found',
    'integration-name-taken',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/** New credentials; connections with the old ones are closed and refused before this resolves. */
export const renewIntegrationCredentials = defineRequest({
  subject: 'muster.v1.service.identity.integration.renew-credentials',
  request: RenewIntegrationCredentials,
  reply: IntegrationAccess,
  errors: ['integration-not-found', 'integrations-not-set-up', 'idempotency-key-reused', 'concurrent-change'],
  idempotent: false,
});

/** Its connections are closed before this resolves. `unavailable`: it is deleted, but NATS could not be told yet; repeat it. */
export const deleteIntegration = defineRequest({
  subject: 'muster.v1.service.identity.integration.delete',
  request: DeleteIntegration,
  reply: Done,
  errors: ['integration-not-found', 'integrations-not-set-up', 'concurrent-change'],
  idempotent: true,
});
