import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, isPassing, type Actor, type Done } from '@muster/contracts';
import {
  dropParked,
  getParked,
  listParked,
  recordParked,
  replayAt,
  replayMatching,
  replayParked,
  type DecideParked,
  type FailedReplay,
  type ListParked,
  type ParkedDetails,
  type ParkedPage,
  type ParkedRef,
  type ParkedView,
  type RecordParked,
  type ReplayedSome,
  type ReplayMatching,
} from '@muster/contracts/parked/requests';
import { readFilter } from '@muster/filter';
import { Handles, type Bus } from '@muster/messaging';
import type { Logger } from '@muster/observability';
import { BUS, decodeCursor, encodeCursor, LOGGER, TEXT } from '@muster/service-host';
import {
  messageOf,
  PARKED_FIELDS,
  ParkedMessages,
  positionOf,
  type ParkedContent,
  type ParkedKey,
  type Position,
} from './parked-messages.js';
import { replayInTurn } from './replay-in-turn.js';
import { shownPayload } from './shown-payload.js';

/** How long one may take where it came from. */
const REPLAY_MS = 10_000;
/** Of many: together with the last of them and the search, less than the caller waits. */
const REPLAY_SOME_MS = 8_000;
const REPLAY_SOME = 100;

@Controller()
export class ParkedHandlers {
  constructor(
    @Inject(ParkedMessages) private readonly messages: ParkedMessages,
    @Inject(BUS) private readonly bus: Bus,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handles(recordParked)
  async record(request: RecordParked): Promise<Done> {
    await this.messages.record(request);
    return {};
  }

  @Handles(listParked)
  async list({ tenantId, filter, cursor, count, limit = DEFAULT_PAGE }: ListParked): Promise<ParkedPage> {
    const which = { tenantId, filter: readFilterOf(filter) };
    const found = await this.messages.list({
      ...which,
      order: 'newest',
      after: positionIn('parked', cursor),
      limit: limit + 1,
    });
    const items = found.slice(0, limit);
    return {
      items,
      nextCursor: cursorAfter('parked', found.length > limit ? items.at(-1) : undefined),
      ...(count === true ? { total: await this.messages.count(which) } : {}),
    };
  }

  @Handles(getParked)
  async get(request: ParkedRef): Promise<ParkedDetails> {
    const { view, headers, payload } = await this.find(request);
    return { ...view, headers, payload: shownPayload(payload) };
  }

  @Handles(replayParked)
  async replay({ actor, ...key }: DecideParked): Promise<ParkedView> {
    const found = await this.find(key);
    if (found.view.state === 'dropped') {
      throw new AppError('parked-message-dropped', 'It was dropped, and is not replayed any more.');
    }
    if (found.view.state === 'open') await this.handleAgain(key, found, actor);
    return (await this.find(key)).view;
  }

  @Handles(replayMatching)
  async replayMatching({ tenantId, actor, selection }: ReplayMatching): Promise<ReplayedSome> {
    const found = await this.messages.list({
      tenantId,
      filter: readFilterOf(selection.filter),
      state: 'open',
      order: 'oldest',
      after: positionIn('replay', selection.cursor),
      limit: REPLAY_SOME + 1,
    });
    const { last, ...done } = await replayInTurn({
      found,
      most: REPLAY_SOME,
      withinMs: REPLAY_SOME_MS,
      replay: ({ id }) => this.replayOne({ tenantId, parkedId: id }, actor),
    });
    return { ...done, nextCursor: cursorAfter('replay', last) };
  }

  @Handles(dropParked)
  async drop({ actor, ...key }: DecideParked): Promise<Done> {
    const { view } = await this.find(key);
    if (view.state === 'replayed') {
      throw new AppError('parked-message-replayed', 'It was replayed: there is nothing left to drop.');
    }
    await this.messages.decide(key, 'dropped', actor);
    this.logger.info({ parkedId: view.id, actor }, 'a parked message was dropped');
    return {};
  }

  private async replayOne(key: ParkedKey, actor: Actor): Promise<FailedReplay | undefined> {
    const { parkedId: id } = key;
    try {
      const found = await this.find(key);
      // Somebody else was faster.
      if (found.view.state !== 'open') return undefined;
      const reason = await this.handleAgain(key, found, actor);
      return reason && { id, ...reason };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { id, code: error.code, detail: error.detail };
    }
  }

  /** Undefined: it succeeded. Throws for what passes, and changes nothing then. */
  private async handleAgain(
    key: ParkedKey,
    found: ParkedContent,
    actor: Actor,
  ): Promise<{ readonly code: string; readonly detail: string } | undefined> {
    const { consumer } = found.view;
    const {
      outcome,
      code = 'internal',
      detail = '',
    } = await this.bus
      .request(replayAt(consumer), messageOf(key.tenantId, found), { timeoutMs: REPLAY_MS })
      .catch((error: unknown) => {
        if (!isPassing(error)) throw error;
        const told = error instanceof AppError ? error.detail : '';
        throw new AppError('unavailable', `${consumer} cannot handle it now: ${told}`, { cause: error });
      });
    const { parkedId } = key;
    if (outcome === 'done') {
      await this.messages.decide(key, 'replayed', actor);
      this.logger.info({ parkedId, actor }, 'a parked message was replayed');
      return undefined;
    }
    await this.messages.failed(key, { code, reason: `${code}: ${detail}` });
    this.logger.warn({ parkedId, actor, code, detail }, 'a parked message failed again');
    return { code, detail };
  }

  private async find(key: ParkedKey): Promise<ParkedContent> {
    const found = await this.messages.find(key);
    if (found === undefined) throw new AppError('parked-message-not-found', 'No such parked message.');
    return found;
  }
}

const readFilterOf = (text: string | undefined) =>
  text === undefined ? undefined : readFilter(text, PARKED_FIELDS);

const cursorAfter = (list: string, last: ParkedView | undefined): string | null => {
  if (last === undefined) return null;
  const { at, id } = positionOf(last);
  return encodeCursor(list, [at, id]);
};

const positionIn = (list: string, cursor: string | undefined): Position | undefined => {
  const [at, id] = decodeCursor(list, cursor, [TEXT, TEXT]) ?? [];
  return at === undefined || id === undefined ? undefined : { at, id };
};
