import { Controller, Get } from '@nestjs/common';
import { IsIn, IsString } from 'class-validator';
import { ACTOR_KINDS, type ActorKind } from '@muster/contracts';
import { Who, type Caller } from '../http/caller.js';
import { Operation } from '../openapi/operation.js';

export class Me {
  @IsString()
  id!: string;

  @IsIn(ACTOR_KINDS)
  kind!: ActorKind;

  @IsString()
  tenantId!: string;
}

@Controller('api/v1/me')
export class MeController {
  @Get()
  @Operation({ summary: 'Who the API key belongs to', asks: [], answer: Me })
  getMe(@Who() { actor, tenantId }: Caller): Me {
    return { id: actor.id, kind: actor.kind, tenantId };
  }
}
