import { once } from 'node:events';
import { Controller, Get, Inject, Req, Res, type OnModuleDestroy } from '@nestjs/common';
import { ApiHeader, ApiResponse } from '@nestjs/swagger';
import { IsArray, IsOptional, IsString } from 'class-validator';
import type { Request, Response } from 'express';
import { AppError, Done } from '@muster/contracts';
import { getCampaign } from '@muster/contracts/campaign-orchestrator/campaigns.requests';
import { getSupervision } from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import { useSession } from '@muster/contracts/identity/sessions.requests';
import { type Asking, ASKING, type Tailing, TAILING } from '../providers.js';
import { refuse } from '../http/body.js';
import { Reading, Signed, type OwnSession } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { STREAM_EXAMPLE } from '../openapi/stream-example.js';
import { Operation } from '../openapi/operation.js';
import type { Update } from './flush.js';
import { liveEvents } from './live-events.js';
import { positionIn, positionText } from './position.js';
import { sourcesOf, topicsIn, type Source, type Topic } from './topics.js';

/** After which a reader that was cut off connects again. */
const RETRY_MS = 2_000;
const FULL_RETRY_SECONDS = 5;

export class StreamQuery {
  /** 1 to 20 of `campaign.<id>`, `supervision.<id>`, `device.<id>`, `jobs`, `fleet`, with commas between. */
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  topics?: string[];
}

@Controller('api/v1/stream')
export class StreamController implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  private open = 0;
  /** Sources of all that are open. */
  private reading = 0;

  constructor(
    @Inject(ASKING) private readonly bus: Asking,
    @Inject(TAILING) private readonly tailing: Tailing,
  ) {}

  /** A process that stops does not wait for its readers: they connect again, elsewhere, and go on where they were. */
  onModuleDestroy(): void {
    this.stopping.abort();
  }

  @Get()
  @Operation({
    summary: 'Follow what changes, as server-sent events',
    asks: [getCampaign, getSupervision, getDevice],
    answer: Done,
    query: StreamQuery,
  })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    schema: { type: 'string' },
    description: '`id` of the last event that was received, of the same topics: what came after it is sent.',
  })
  @ApiResponse({
    status: 200,
    description: 'Events, until the reader ends it. `data` is `{topic, type, at, data}` as JSON.',
    content: { 'text/event-stream': { schema: { type: 'string' }, example: STREAM_EXAMPLE } },
  })
  async followStream(
    @CheckedQuery(StreamQuery) { topics: names }: StreamQuery,
    @Reading() { tenantId }: { tenantId: string },
    @Signed() session: OwnSession | undefined,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const topics = topicsIn(names ?? []);
    const sources = topics.flatMap((topic) => sourcesOf(tenantId, topic));
    const asked = afterIn(sources, request.get('last-event-id'));
    this.assertRoom(sources.length);
    this.open += 1;
    this.reading += sources.length;
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    response.once('close', leave);
    // Of what is written in the moment in which the connection ends.
    response.on('error', leave);
    const watch =
      session && setInterval(() => void this.leaveWhenEnded(session, leave), this.tailing.keepAliveMs);
    try {
      await Promise.all(topics.map((topic) => this.mustExist(tenantId, topic, names?.indexOf(topic.name))));
      const { position, isReset } = await this.beginning(sources, asked);
      response.status(200).setHeader('content-type', 'text/event-stream; charset=utf-8');
      // Proxies that buffer answers would keep updates back.
      response.setHeader('x-accel-buffering', 'no');
      if (request.method === 'HEAD') {
        response.end();
        return;
      }
      await this.send(
        response,
        sources,
        position,
        isReset,
        AbortSignal.any([gone.signal, this.stopping.signal]),
      );
    } finally {
      clearInterval(watch);
      response.off('close', leave);
      this.open -= 1;
      this.reading -= sources.length;
    }
  }

  private assertRoom(wanted: number): void {
    const { maxStreams, maxSources } = this.tailing;
    const full = (detail: string): AppError =>
      new AppError('unavailable', detail, { retryAfterSeconds: FULL_RETRY_SECONDS });
    if (this.open >= maxStreams || this.stopping.signal.aborted)
      throw full(`There are ${this.open} streams open, as many as there may be.`);
    if (this.reading + wanted > maxSources)
      throw full(
        `These topics are ${wanted} sources, and the ${this.open} streams that are open read ${this.reading} of at most ${maxSources}: there may be room for fewer topics.`,
      );
  }

  /** What nobody may open any more does not stay open. To look does not count as use. */
  private async leaveWhenEnded({ digest }: OwnSession, leave: () => void): Promise<void> {
    try {
      await this.bus.request(useSession, { digest, quietly: true });
    } catch (error) {
      if (error instanceof AppError && error.code === 'session-ended') leave();
    }
  }

  /** Whose topic is not there is named by its place, so that who follows many can leave out that one. */
  private async mustExist(tenantId: string, topic: Topic, place = 0): Promise<void> {
    try {
      if (topic.kind === 'campaign') await this.bus.request(getCampaign, { tenantId, campaignId: topic.id });
      if (topic.kind === 'supervision')
        await this.bus.request(getSupervision, { tenantId, supervisionId: topic.id });
      if (topic.kind === 'device') await this.bus.request(getDevice, { tenantId, deviceId: topic.id });
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 404) throw error;
      const message = `names a ${topic.kind} that is not there`;
      throw new AppError(error.code, `There is no such ${topic.kind}: topics[${place}] ${message}.`, {
        errors: [{ path: `topics[${place}]`, message }],
        cause: error,
      });
    }
  }

  /** Where the sources are read from: what was asked for, or, where that is not there any more, now. */
  private async beginning(
    sources: readonly Source[],
    asked: readonly number[] | undefined,
  ): Promise<{ readonly position: readonly number[]; readonly isReset: boolean }> {
    const streams = [...new Set(sources.map(({ stream }) => stream))];
    const found = new Map(
      await Promise.all(streams.map(async (stream) => [stream, await this.extentOf(stream)] as const)),
    );
    const extents = sources.map(({ stream }) => found.get(stream) ?? { first: 1, last: 0 });
    const now = extents.map(({ last }) => last);
    if (asked === undefined) return { position: now, isReset: false };
    const isHeld = extents.every(({ first, last }, nth) => {
      const after = asked[nth] ?? 0;
      return after >= first - 1 && after <= last;
    });
    return isHeld ? { position: asked, isReset: false } : { position: now, isReset: true };
  }

  private async extentOf(stream: string): ReturnType<Tailing['extentOf']> {
    try {
      return await this.tailing.extentOf(stream);
    } catch (error) {
      throw new AppError('unavailable', 'Events cannot be read right now.', {
        cause: error,
        retryAfterSeconds: 1,
      });
    }
  }

  private async send(
    response: Response,
    sources: readonly Source[],
    position: readonly number[],
    isReset: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const keepAlive = setInterval(() => {
      if (!response.writableNeedDrain) response.write(': here\n\n');
    }, this.tailing.keepAliveMs);
    // At once: to let go of the bus may take seconds.
    const end = (): void => {
      clearInterval(keepAlive);
      response.end();
    };
    signal.addEventListener('abort', end, { once: true });
    try {
      const begins = { id: positionText(sources, position), at: new Date().toISOString() };
      // An id without data is remembered too: who is cut off before the first update misses nothing.
      response.write(`retry: ${RETRY_MS}\nid: ${begins.id}\n\n`);
      if (isReset) response.write(resetText(begins));
      for await (const updates of liveEvents(
        (options) => this.tailing.tail(options),
        sources,
        position,
        signal,
      )) {
        const text = updates.map((update) => updateText(sources, update)).join('');
        if (!response.write(text)) await once(response, 'drain', { signal }).catch(() => undefined);
      }
    } finally {
      end();
    }
  }
}

const afterIn = (sources: readonly Source[], text: string | undefined): readonly number[] | undefined => {
  if (text === undefined || text === '') return undefined;
  const position = positionIn(sources, text);
  if (position === undefined) {
    refuse(
      [{ path: 'Last-Event-ID', message: 'must be the id of an event of a stream of the same topics' }],
      'The request',
    );
  }
  return position;
};

const updateText = (sources: readonly Source[], { position, ...update }: Update): string =>
  messageText(positionText(sources, position), update.type, update);

const resetText = ({ id, at }: { readonly id: string; readonly at: string }): string =>
  messageText(id, 'reset', { type: 'reset', at });

/** JSON has no line breaks of its own. */
const messageText = (id: string, type: string, data: object): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
