import { Controller, Delete, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';
import type { Request, Response } from 'express';
import { AppError } from '@muster/contracts';
import { closeSession, openSession } from '@muster/contracts/identity/sessions.requests';
import { type Asking, ASKING, DOOR } from '../providers.js';
import { CheckedBody } from '../http/body.js';
import { ForStrangers, Signed, type OwnSession } from '../http/caller.js';
import { callerWith, refuseForeignPage, type Door } from '../http/door.js';
import { clearSession, digestOf, newSessionText, setSession } from '../http/session-cookie.js';
import { Operation } from '../openapi/operation.js';
import { Me, meOf } from './me.controller.js';

export class SignIn {
  /** An API key. */
  @IsString()
  @Length(1, 512)
  key!: string;
}

@Controller('api/v1/sessions')
export class SessionsController {
  constructor(
    @Inject(ASKING) private readonly bus: Asking,
    @Inject(DOOR) private readonly door: Door,
  ) {}

  @Post()
  @ForStrangers()
  @ApiSecurity({})
  @Operation({
    summary: 'Sign in with an API key: a session, as a cookie that no page can read',
    asks: [openSession],
    body: SignIn,
    answer: Me,
    status: 201,
    secret: true,
  })
  async signIn(
    @CheckedBody(SignIn) { key }: SignIn,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Me> {
    const { own, adminApiKey } = this.door;
    refuseForeignPage(request, own);
    const caller = callerWith(this.door, key, request);
    if (caller === undefined) throw new AppError('unauthenticated', 'There is no such API key.');
    const text = newSessionText();
    const session = await this.bus.request(openSession, { ...caller, digest: digestOf(text, adminApiKey) });
    setSession(request, response, own, { text, endsAt: session.endsAt });
    return meOf(caller, session);
  }

  @Delete('current')
  @Operation({
    summary: 'Sign out: the session opens nothing any more',
    asks: [closeSession],
    status: 204,
    errors: ['not-found'],
  })
  async signOut(
    @Signed() session: OwnSession | undefined,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    if (session === undefined)
      throw new AppError('not-found', 'The request came with a key, not with a session.');
    await this.bus.request(closeSession, { digest: session.digest });
    clearSession(request, response, this.door.own);
  }
}
