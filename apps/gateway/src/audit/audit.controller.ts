import { createHash } from 'node:crypto';
import { Controller, Get, Inject } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsArray, IsOptional, IsString, Length, ValidateIf, ValidateNested } from 'class-validator';
import { AppError, DEFAULT_PAGE, IsFilter, IsTime } from '@muster/contracts';
import { ActFacts, ACTS_BY_SERVICE, type ActList, type ListActs } from '@muster/contracts/audit/requests';
import { listDevices } from '@muster/contracts/device-registry/devices.requests';
import { type Asking, ASKING } from '../providers.js';
import { Reading } from '../http/caller.js';
import { CursorQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { beforeOf, merged, type Place } from './merge-acts.js';

/** A service that does not answer in this time is named as away. */
const ANSWER_MS = 5_000;
/** Ids of devices that fit in a filter. */
const NAMED_AT_ONCE = 80;

export class AuditQuery extends CursorQuery {
  /** Of `actor`, `actorKind`, `action`, `resource`, `resourceId`, `service`, `traceId`. */
  @IsOptional()
  @IsFilter()
  filter?: string;

  /** All that was done to this device: also what campaigns, bulk acts and defaults did to it. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  deviceId?: string;

  /** Inclusive. */
  @IsOptional()
  @IsTime()
  from?: string;

  /** Exclusive. */
  @IsOptional()
  @IsTime()
  to?: string;
}

export class AuditEntry extends ActFacts {
  /** Opaque. */
  @IsString()
  id!: string;

  /** Which service has it on record. */
  @IsString()
  service!: string;
}

export class AuditPage {
  /** The newest first. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => AuditEntry)
  items!: AuditEntry[];

  /** Opaque: the `cursor` of the next page; null: this was the last. A page may hold fewer than `limit`, and go on. */
  @ValidateIf((page: AuditPage) => page.nextCursor !== null)
  @IsString()
  nextCursor!: string | null;

  /** Services that did not answer: what they have on record of this time is missing here. Ask again with the same cursor. */
  @IsArray()
  @IsString({ each: true })
  away!: string[];
}

/** Every service has its own acts on record; here they are put together. */
@Controller('api/v1/audit')
export class AuditController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get()
  @Operation({
    summary: 'Who did what to what, newest first; a bulk act is one act, unless a single device is asked for',
    asks: Object.values(ACTS_BY_SERVICE),
    query: AuditQuery,
    answer: AuditPage,
  })
  async getAuditTrail(
    @CheckedQuery(AuditQuery) { limit = DEFAULT_PAGE, cursor, ...which }: AuditQuery,
    @Reading() { tenantId }: { tenantId: string },
  ): Promise<AuditPage> {
    const place = placeIn(cursor, which);
    const asked = { tenantId, limit, ...which };
    const answers = await Promise.all(
      Object.keys(ACTS_BY_SERVICE).map((service) =>
        this.ask(service, { ...asked, before: beforeOf(service, place) }),
      ),
    );
    const there = answers.flatMap(({ service, list }) => (list === undefined ? [] : [{ service, list }]));
    if (there.length === 0) throw new AppError('unavailable', 'No service answers for its acts.');
    const { items, next } = merged(there, limit);
    const names = await this.namesOf(tenantId, items);
    return {
      items: items.map(({ place: { at, position }, ...act }) => {
        const name = act.resource.name ?? names.get(act.resource.id);
        return {
          id: `${act.service}:${at}:${position}`,
          ...act,
          resource: { ...act.resource, ...(name === undefined ? {} : { name }) },
        };
      }),
      nextCursor: next === null ? null : cursorOf(next, which),
      away: answers.flatMap(({ service, list }) => (list === undefined ? [service] : [])),
    };
  }

  /** Undefined: it is away, which passes. What is wrong with the question is told as it is. */
  private async ask(
    service: string,
    request: ListActs,
  ): Promise<{ readonly service: string; readonly list: ActList | undefined }> {
    const contract = ACTS_BY_SERVICE[service];
    if (contract === undefined) throw new Error(`${service} has no acts`);
    try {
      return { service, list: await this.bus.request(contract, request, { timeoutMs: ANSWER_MS }) };
    } catch (error) {
      if (error instanceof AppError && AWAY.includes(error.code)) return { service, list: undefined };
      throw error;
    }
  }

  /** Of devices, which only the registry knows by name. Where it is away, rows have ids alone. */
  private async namesOf(
    tenantId: string,
    items: readonly Pick<AuditEntry, 'resource'>[],
  ): Promise<ReadonlyMap<string, string>> {
    const unnamed = items.filter(({ resource: { kind, name } }) => kind === 'device' && name === undefined);
    const ids = [...new Set(unnamed.map(({ resource: { id } }) => id))];
    const names = new Map<string, string>();
    try {
      for (let first = 0; first < ids.length; first += NAMED_AT_ONCE) {
        const some = ids.slice(first, first + NAMED_AT_ONCE);
        const filter = `id=in=(${some.map((id) => JSON.stringify(id)).join(',')})`;
        const found = await this.bus.request(listDevices, { tenantId, filter, limit: NAMED_AT_ONCE });
        for (const { id, name } of found.items) names.set(id, name);
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
    return names;
  }
}

const AWAY: readonly string[] = ['unavailable', 'deadline-exceeded'];

type Which = Pick<AuditQuery, 'filter' | 'deviceId' | 'from' | 'to'>;

/** Of what is asked for: with a cursor of another question a page would begin anywhere. */
const digestOf = ({ filter, deviceId, from, to }: Which): string =>
  createHash('sha256')
    .update(JSON.stringify([filter, deviceId, from, to]))
    .digest('base64url')
    .slice(0, 12);

const cursorOf = ({ at, position, service }: Place, which: Which): string =>
  Buffer.from(JSON.stringify([digestOf(which), at, position, service])).toString('base64url');

const placeIn = (cursor: string | undefined, which: Which): Place | undefined => {
  if (cursor === undefined) return undefined;
  const [digest, at, position, service] = partsOf(cursor);
  if (
    digest !== digestOf(which) ||
    !Number.isSafeInteger(at) ||
    !Number.isSafeInteger(position) ||
    typeof service !== 'string'
  ) {
    throw new AppError('invalid-request', 'The cursor is not one of this question.', {
      errors: [
        {
          path: 'cursor',
          message: 'must be the nextCursor of the page before, with the same filter and times',
        },
      ],
    });
  }
  return { at: Number(at), position: Number(position), service };
};

const partsOf = (cursor: string): readonly unknown[] => {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
};
