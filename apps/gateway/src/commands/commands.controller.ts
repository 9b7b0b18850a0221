import { Controller, Delete, Get, Inject, Param, Post, Res, type OnModuleDestroy } from '@nestjs/common';
import type { Response } from 'express';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { AnyJson, AppError, type JsonValue } from '@muster/contracts';
import {
  cancelCommand,
  COMMAND_STATUSES,
  COMMAND_TYPE_MESSAGE,
  COMMAND_TYPE_RULE,
  createCommand,
  getCommand,
  isOutstanding,
  listCommands,
  type CommandPage,
  type CommandStatus,
  type CommandView,
  type CreateCommand,
} from '@muster/contracts/commands/requests';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import { type Asking, ASKING, FOLLOWING, type Following } from '../providers.js';
import { listenForEnds } from './command-ends.js';
import { CheckedBody } from '../http/body.js';
import { Creating, Reading, Who, type Caller } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

export class CommandInput {
  @Matches(COMMAND_TYPE_RULE, COMMAND_TYPE_MESSAGE)
  type!: string;

  /** Any JSON value. */
  @IsOptional()
  @AnyJson()
  payload?: JsonValue;

  /** Default 60. */
  @IsOptional()
  @IsInt()
  @Min(1)
  ttlSeconds?: number;

  /** Default 0: do not wait for the device. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(60)
  waitSeconds?: number;
}

export class CommandsQuery extends PageQuery {
  @IsOptional()
  @IsIn(COMMAND_STATUSES)
  status?: CommandStatus;

  @IsOptional()
  @Matches(COMMAND_TYPE_RULE, COMMAND_TYPE_MESSAGE)
  type?: string;
}

@Controller('api/v1/devices/:id/commands')
export class CommandsController implements OnModuleDestroy {
  private readonly stopping = new AbortController();

  constructor(
    @Inject(ASKING) private readonly bus: Asking,
    @Inject(FOLLOWING) private readonly follow: Following,
  ) {}

  /** A process that stops does not make its callers wait out their time. */
  onModuleDestroy(): void {
    this.stopping.abort();
  }

  @Post()
  @Operation({
    summary: 'Create a command, and wait for its result if asked to',
    asks: [createCommand],
    body: CommandInput,
    status: 201,
    also: {
      200: { description: 'The device answered while it was waited for.' },
      202: { description: 'It has not, within `waitSeconds`.' },
    },
    location: (path, id) => `${path}/${id}`,
  })
  async createCommand(
    @Param('id') deviceId: string,
    @CheckedBody(CommandInput) { type, payload, ttlSeconds, waitSeconds }: CommandInput,
    @Creating() creating: Caller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<CommandView> {
    const request = { ...creating, deviceId, type, payload, ttlSeconds };
    // Null in an optional field means absent.
    if ((waitSeconds ?? 0) === 0) return this.bus.request(createCommand, request);
    const view = await this.createAndWait(request, waitSeconds ?? 0, response);
    response.status(view.status === 'executed' || view.status === 'failed' ? 200 : 202);
    return view;
  }

  @Get()
  @Operation({
    summary: 'List commands, newest first',
    asks: [getDevice, listCommands],
    query: CommandsQuery,
  })
  async listCommands(
    @Param('id') deviceId: string,
    @CheckedQuery(CommandsQuery) { limit, cursor, count, status, type }: CommandsQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<CommandPage> {
    await this.bus.request(getDevice, { ...reading, deviceId });
    return this.bus.request(listCommands, { ...reading, deviceId, limit, cursor, count, status, type });
  }

  @Get(':commandId')
  @Operation({ summary: 'Get a command and its result', asks: [getDevice, getCommand] })
  async getCommand(
    @Param('id') deviceId: string,
    @Param('commandId') commandId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<CommandView> {
    await this.bus.request(getDevice, { ...reading, deviceId });
    return this.bus.request(getCommand, { ...reading, deviceId, commandId });
  }

  @Delete(':commandId')
  @Operation({
    summary: 'Cancel a command; a device that was given it (`sent`) may still run it',
    asks: [cancelCommand],
    status: 204,
  })
  cancelCommand(
    @Param('id') deviceId: string,
    @Param('commandId') commandId: string,
    @Who() who: Caller,
  ): Promise<CommandView> {
    return this.bus.request(cancelCommand, { ...who, deviceId, commandId });
  }

  private async createAndWait(
    request: CreateCommand,
    waitSeconds: number,
    response: Response,
  ): Promise<CommandView> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const enough = AbortSignal.any([
      AbortSignal.timeout(waitSeconds * 1_000),
      this.stopping.signal,
      gone.signal,
    ]);
    const { tenantId, deviceId } = request;
    // Such an id cannot be listened for, and no device has it.
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(deviceId)) throw new AppError('device-not-found', 'No such device.');
    const ends = await listenForEnds(this.follow, { tenantId, deviceId });
    try {
      const created = await this.bus.request(createCommand, request);
      const ask = (): Promise<CommandView> =>
        this.bus.request(getCommand, { tenantId, deviceId, commandId: created.id });
      if (request.idempotencyKey !== undefined) {
        // The answer may be that of the first time, and the end long told.
        const now = await ask();
        if (!isOutstanding(now.status)) return now;
      }
      await ends.until(created.id, enough);
      return await ask().catch((error: unknown) => {
        // The command exists: an error would make the caller create another one.
        if (error instanceof AppError) return created;
        throw error;
      });
    } finally {
      ends.stop();
    }
  }
}
