import type { Aggregate, DomainEvent } from './aggregate.js';
import { openDatabase, type Database } from './database.js';
import { rebuildProjections, type Projection } from './projection.js';
import { publishAgain } from './publish-again.js';
import { refoldStates } from './refold-states.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Something of a service that is made from its events, and can be made again while the service runs. */
export interface Rebuild {
  /** For the list of what there is. */
  readonly what: string;
  /** Says in numbers what was done. `env` is read for the service's own settings. */
  run(databaseUrl: string, env: Environment): Promise<string>;
}

/** By the name after the service's: `current`, `published`, and each projection. */
export type Rebuilds = Readonly<Record<string, Rebuild>>;

export interface RebuildableService {
  readonly name: string;
  readonly schema: string;
  readonly aggregates: readonly Pick<
    Aggregate<unknown, never, DomainEvent>,
    'name' | 'initial' | 'stateVersion' | 'evolve' | 'upcast'
  >[];
  readonly projections?: readonly Projection[];
  /** How long its stream keeps what is published. */
  readonly streamMaxAgeHours: (env: Environment) => number;
}

/** What an app exports beside `migrate`. */
export const rebuildsOf = (service: RebuildableService): Rebuilds => {
  const { name, schema, aggregates, projections = [] } = service;
  const rebuild = (
    what: string,
    run: (database: Database, env: Environment) => Promise<string>,
  ): Rebuild => ({
    what,
    run: async (url, env) => {
      const database = openDatabase({ url, schema, poolSize: 2, name: `rebuild ${name}` });
      try {
        return await run(database, env);
      } finally {
        await database.close();
      }
    },
  });
  return {
    current: rebuild('the current states beside the streams; the service goes on', async (database) => {
      const total = { streams: 0, altered: 0, missing: 0, orphaned: 0 };
      for (const aggregate of aggregates) {
        const refolded = await refoldStates(database, aggregate);
        total.streams += refolded.streams;
        total.altered += refolded.altered;
        total.missing += refolded.missing;
        total.orphaned += refolded.orphaned;
      }
      const { streams, altered, missing, orphaned } = total;
      return `${streams} states looked at, ${altered} altered, ${missing} missing, ${orphaned} without events`;
    }),
    ...Object.fromEntries(
      projections.map((projection) => [
        projection.name,
        rebuild('a read model; changes wait until it is made, reading goes on', async (database) => {
          const events = await rebuildProjections(database, [projection], aggregates);
          return `${events} events projected again`;
        }),
      ]),
    ),
    published: rebuild(
      'its stream in JetStream: the relay publishes again what the stream would still keep',
      async (database, env) => {
        const hours = service.streamMaxAgeHours(env);
        const since = new Date(Date.now() - hours * 3_600_000);
        const events = await publishAgain(database, name, since);
        return `${events} events of the last ${hours} hours are published again by the relay`;
      },
    ),
  };
};
