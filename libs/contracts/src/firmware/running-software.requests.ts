import { Type } from 'class-transformer';
import { IsArray, IsInt, IsObject, IsOptional, Max, Min, ValidateIf, ValidateNested } from 'class-validator';
import { DeviceKey } from '../configuration/documents.requests.js';
import { AwaitPublished } from '../configuration/states.requests.js';
import { defineRequest } from '../contract.js';
import { Done } from '../fields.js';

// For device-registry, which keeps beside its devices which software they run.

/** As `awaitConfigurationPublished`, of this service. */
export const awaitSoftwarePublished = defineRequest({
  subject: 'muster.v1.service.firmware.events.await',
  request: AwaitPublished,
  reply: Done,
  errors: [],
  idempotent: true,
});

/** What a device says it runs, as of `version`, which is that of the last event of its software. */
export class RunningSoftware extends DeviceKey {
  @IsInt()
  version!: number;

  /** Name of the firmware type, or `default` → version. */
  @IsObject()
  software!: Record<string, string>;
}

export class ListRunningSoftware {
  /** `next` of the reply before. */
  @IsOptional()
  @ValidateNested()
  @Type(() => DeviceKey)
  after?: DeviceKey;

  @IsInt()
  @Min(1)
  @Max(500)
  limit!: number;
}

export class RunningSoftwarePage {
  /** Ascending by tenant and device; only of devices that ever said. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => RunningSoftware)
  items!: RunningSoftware[];

  /** Null: these were the last. */
  @ValidateIf(({ next }: RunningSoftwarePage) => next !== null)
  @ValidateNested()
  @Type(() => DeviceKey)
  next!: DeviceKey | null;
}

/** Of all tenants and devices, page by page. */
export const listRunningSoftware = defineRequest({
  subject: 'muster.v1.service.firmware.running-software.list',
  request: ListRunningSoftware,
  reply: RunningSoftwarePage,
  errors: [],
  idempotent: true,
});
