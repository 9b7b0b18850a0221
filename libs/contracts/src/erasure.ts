import { ArrayMaxSize, IsArray, IsBoolean, IsString, Length, ValidateNested } from 'class-validator';
import { Type } from 'class-transformer';
import { defineRequest, type RequestContract } from './contract.js';
import { Actor, TenantRequest } from './fields.js';

/** Devices that are erased at once. */
export const MAX_ERASED = 50;

/** Of devices that are deleted: what a service holds of them is to go. */
export class EraseDevices extends TenantRequest {
  /** Who wants it. */
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsArray()
  @ArrayMaxSize(MAX_ERASED)
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  deviceIds!: string[];
}

export class Erased {
  /** False: there is more than is done in one go; ask again. */
  @IsBoolean()
  complete!: boolean;
}

/**
 * Every service that holds something of devices answers this: it erases its own, and says when nothing is left. Idempotent: what
 * is gone is gone.
 */
export const eraseRequestOf = (service: string): RequestContract<EraseDevices, Erased> =>
  defineRequest({
    subject: `muster.v1.service.${service}.device.erase`,
    request: EraseDevices,
    reply: Erased,
    errors: [],
    idempotent: true,
  });
