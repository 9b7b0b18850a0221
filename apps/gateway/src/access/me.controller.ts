import { Controller, Get } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsArray, IsIn, IsISO8601, IsOptional, IsString, ValidateNested } from 'class-validator';
import { ACTOR_KINDS, type ActorKind } from '@muster/contracts';
import type { SessionView } from '@muster/contracts/identity/sessions.requests';
import { Signed, Who, type Caller, type OwnSession } from '../http/caller.js';
import { Operation } from '../openapi/operation.js';
import { ALL_RIGHTS, Right } from './rights.js';

export class MySession {
  @IsString()
  id!: string;

  @IsISO8601()
  openedAt!: string;

  /** When it ends if no request comes until then. */
  @IsISO8601()
  idleEndsAt!: string;

  /** When it ends in any case. */
  @IsISO8601()
  endsAt!: string;
}

export class Me {
  @IsString()
  id!: string;

  @IsIn(ACTOR_KINDS)
  kind!: ActorKind;

  @IsString()
  tenantId!: string;

  /** An entity that is not named may not even be read. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Right)
  rights!: Right[];

  /** Absent: the caller has sent a key. */
  @IsOptional()
  @ValidateNested()
  @Type(() => MySession)
  session?: MySession;
}

export const meOf = ({ actor, tenantId }: Caller, session: SessionView | undefined): Me => ({
  id: actor.id,
  kind: actor.kind,
  tenantId,
  rights: [...ALL_RIGHTS],
  ...(session === undefined
    ? {}
    : {
        session: {
          id: session.id,
          openedAt: session.openedAt,
          idleEndsAt: session.idleEndsAt,
          endsAt: session.endsAt,
        },
      }),
});

@Controller('api/v1/me')
export class MeController {
  @Get()
  @Operation({ summary: 'Who is asking, with which rights and until when', asks: [], answer: Me })
  getMe(@Who() caller: Caller, @Signed() session: OwnSession | undefined): Me {
    return meOf(caller, session?.view);
  }
}
