import { Type } from 'class-transformer';
import { IsArray, IsInt, IsISO8601, IsOptional, IsString, ValidateNested } from 'class-validator';
import { definePublished } from '../contract.js';
import { Actor } from '../fields.js';

/** What every event of an integration carries. `version` rises by one with every event of that integration. */
export class IntegrationFact {
  @IsString()
  integrationId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsString()
  name!: string;
}

export class IntegrationCreated extends IntegrationFact {
  /** Absent: all, those that come later too. */
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  services?: string[];

  /** `now`, `beginning`, or a time. */
  @IsString()
  from!: string;
}

/** What it is called and reads from then on. */
export class IntegrationEdited extends IntegrationFact {
  /** Absent: all, those that come later too. */
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  services?: string[];
}

/** What it could connect with before is refused. */
export class IntegrationCredentialsRenewed extends IntegrationFact {}

export class IntegrationDeleted extends IntegrationFact {}

const declared = { service: 'identity', entity: 'integration', schemaVersion: 1 };

export const integrationCreated = definePublished({
  ...declared,
  verb: 'created',
  data: IntegrationCreated,
});

export const integrationEdited = definePublished({
  ...declared,
  verb: 'edited',
  data: IntegrationEdited,
});

export const integrationCredentialsRenewed = definePublished({
  ...declared,
  verb: 'credentials-renewed',
  data: IntegrationCredentialsRenewed,
});

export const integrationDeleted = definePublished({
  ...declared,
  verb: 'deleted',
  data: IntegrationDeleted,
});
