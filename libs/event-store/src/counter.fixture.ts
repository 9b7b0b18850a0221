import { AppError } from '@muster/contracts';
import type pg from 'pg';
import {
  createEventStore,
  eventStoreMigrations,
  migrateSchema,
  openDatabase,
  uniqueViolation,
  type Aggregate,
  type Database,
  type EventMetadata,
  type EventStore,
  type Projection,
  type RecordedEvent,
} from './index.js';

/** A small aggregate with one unique name, for the specs of this library. */
export type Counter = { readonly sum: number; readonly name?: string };
export type CounterCommand =
  | { readonly type: 'Add'; readonly amount: number }
  | { readonly type: 'RaiseTo'; readonly sum: number }
  | { readonly type: 'Name'; readonly name: string };
export type CounterEvent =
  | { readonly type: 'CounterRaised'; readonly data: { readonly by: number } }
  | { readonly type: 'CounterNamed'; readonly data: { readonly name: string } };

export const counter: Aggregate<Counter, CounterCommand, CounterEvent> = {
  name: 'counter',
  initial: { sum: 0 },
  evolve: (state, event) =>
    event.type === 'CounterRaised'
      ? { ...state, sum: state.sum + event.data.by }
      : { ...state, name: event.data.name },
  decide: (command, state) => {
    if (command.type === 'Add') {
      if (command.amount < 0) throw new AppError('invalid-request', 'A counter only rises.');
      return [{ type: 'CounterRaised', data: { by: command.amount } }];
    }
    if (command.type === 'Name') {
      return state.name === command.name ? [] : [{ type: 'CounterNamed', data: { name: command.name } }];
    }
    return state.sum >= command.sum ? [] : [{ type: 'CounterRaised', data: { by: command.sum - state.sum } }];
  },
};

export const names: Projection = {
  name: 'names',
  handles: ['CounterNamed'],
  project: async (tx: pg.PoolClient, events: readonly RecordedEvent[]) => {
    try {
      for (const event of events as RecordedEvent<Extract<CounterEvent, { type: 'CounterNamed' }>>[]) {
        await tx.query(
          `INSERT INTO names (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name`,
          [event.streamId, event.data.name],
        );
      }
    } catch (error) {
      if (uniqueViolation(error) !== 'names_name_key') throw error;
      throw new AppError('device-name-taken', 'That name is taken.', { cause: error });
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM names');
  },
};

export const metadata: EventMetadata = { actor: { kind: 'user', id: 'u1' } };
export const tenantId = 'default';

export const migrateCounters = async (url: string): Promise<void> => {
  await migrateSchema({ url, schema: 'counters', migrations: eventStoreMigrations });
  const database = openDatabase({ url, schema: 'counters', poolSize: 1, name: 'fixture' });
  await database.query(
    'CREATE TABLE names (id text PRIMARY KEY, name text NOT NULL UNIQUE DEFERRABLE INITIALLY IMMEDIATE)',
  );
  await database.close();
};

export const openCounters = (url: string, poolSize = 10): { database: Database; store: EventStore } => {
  const database = openDatabase({ url, schema: 'counters', poolSize, name: 'counters' });
  return { database, store: createEventStore(database, { projections: [names] }) };
};

export const add = (id: string, amount = 1) =>
  ({ tenantId, id, metadata, command: { type: 'Add', amount } }) as const;
