import { Controller, Inject, type Type } from '@nestjs/common';
import { howManyFit, type RequestContract } from '@muster/contracts';
import type { Act, ActList, ListActs } from '@muster/contracts/audit/requests';
import { readActs, streamName, type Database, type RecordedAct } from '@muster/event-store';
import { readFilter, toSql, type Fields } from '@muster/filter';
import { Handles } from '@muster/messaging';
import { DATABASE } from './providers.js';

/** Of what a service has acts on record. */
export interface ActsOptions {
  readonly service: string;
  readonly contract: RequestContract<ListActs, ActList>;
  /** Aggregate, or what else `recordAct` names → the kind of thing that people know it as. */
  readonly kinds: Readonly<Record<string, string>>;
  /** Default: of each aggregate that is a `device`, the stream with its id. */
  readonly streamsOf?: (
    database: Database,
    device: { readonly tenantId: string; readonly deviceId: string },
  ) => Promise<readonly string[]>;
  /** A service without events has what it recorded itself. Default: true. */
  readonly hasEvents?: boolean;
}

/** Answers for the acts of a service: a controller for its module. Data of events is not told: who did what to what is. */
export const actHandlersOf = ({
  service,
  contract,
  kinds,
  hasEvents = true,
  streamsOf = (_database, { deviceId }) =>
    Promise.resolve(
      Object.entries(kinds).flatMap(([name, kind]) =>
        kind === 'device' ? [streamName(name, deviceId)] : [],
      ),
    ),
}: ActsOptions): Type => {
  const fields = fieldsOf(service, kinds);

  @Controller()
  class ActHandlers {
    constructor(@Inject(DATABASE) private readonly database: Database) {}

    @Handles(contract)
    async list({ tenantId, filter, deviceId, from, to, before, limit }: ListActs): Promise<ActList> {
      const matching = filter === undefined ? undefined : readFilter(filter, fields);
      const { acts, readTo } = await readActs(this.database, {
        ...{ tenantId, before, limit, hasEvents },
        from: microsOf(from),
        to: microsOf(to),
        streams: deviceId === undefined ? undefined : await streamsOf(this.database, { tenantId, deviceId }),
        where: matching === undefined ? undefined : (bind) => toSql(matching, bind),
      });
      const items = acts.map((act) => shown(act, kinds));
      const fitting = howManyFit(items);
      const cut = fitting < items.length ? items[fitting - 1] : undefined;
      return cut === undefined ? { items, readTo } : { items: items.slice(0, fitting), readTo: cut.place };
    }
  }
  return ActHandlers;
};

const microsOf = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : Date.parse(time) * 1_000;

const shown = (act: RecordedAct, kinds: ActsOptions['kinds']): Act => {
  const { at, position, aggregate, streamId, type, metadata, name } = act;
  const traceId = metadata.traceparent?.split('-')[1];
  return {
    at: new Date(Math.floor(at / 1_000)).toISOString(),
    actor: metadata.actor,
    action: type,
    resource: {
      kind: kinds[aggregate] ?? aggregate,
      // What a colon divides is a part of a thing: a device's commands of one type.
      id: streamId.split(':')[0] ?? streamId,
      ...(name === null ? {} : { name }),
    },
    ...(metadata.job === undefined ? {} : { jobId: metadata.job }),
    ...(traceId === undefined ? {} : { traceId }),
    place: { at, position },
  };
};

/** What a filter of acts can name, the same in every service. */
const fieldsOf = (service: string, kinds: ActsOptions['kinds']): Fields => {
  const kindOf = Object.entries(kinds).filter(([aggregate, kind]) => aggregate !== kind);
  const cases = kindOf.map(([aggregate, kind]) => `WHEN '${aggregate}' THEN '${kind}'`).join(' ');
  return {
    actor: { kind: 'text', column: "a.metadata -> 'actor' ->> 'id'" },
    actorKind: { kind: 'text', column: "a.metadata -> 'actor' ->> 'kind'" },
    action: { kind: 'text', column: 'a.type' },
    resource: {
      kind: 'text',
      column: cases === '' ? 'a.aggregate' : `CASE a.aggregate ${cases} ELSE a.aggregate END`,
    },
    resourceId: {
      kind: 'text',
      column: "split_part(substr(a.stream, length(a.aggregate) + 2), ':', 1)",
    },
    service: { kind: 'text', column: `'${service}'::text` },
    traceId: { kind: 'text', column: "split_part(a.metadata ->> 'traceparent', '-', 2)" },
  };
};
