import pg from 'pg';
import { asAppError } from './database-fault.js';
import { answerTime, STATEMENT_MS, usualStatements } from './statement-time.js';

export interface DatabaseOptions {
  readonly url: string;
  /** The service's schema: `device_registry`. The role `muster_<schema>` is taken in every connection. */
  readonly schema: string;
  readonly poolSize: number;
  /** Shown in pg_stat_activity. */
  readonly name: string;
  /** How long a statement may take; `allowStatements` gives a transaction more. Default 15 s. */
  readonly statementMs?: number;
}

/**
 * The connections of one service. Faults that pass by themselves surface as AppError('unavailable'); the pool opens new
 * connections when the database is back, nothing needs to be restarted.
 */
export interface Database {
  readonly schema: string;
  readonly pool: pg.Pool;
  /** One statement. */
  query<Row extends pg.QueryResultRow>(
    query: string | pg.QueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
  /** Commits when `fn` resolves, rolls back when it rejects. READ COMMITTED. */
  transaction<T>(fn: (tx: pg.PoolClient) => Promise<T>): Promise<T>;
  /** Runs `fn` after the transaction of `tx` has been committed, not at all when it is rolled back. */
  afterCommit(tx: pg.PoolClient, fn: () => void): void;
  /** A connection outside the pool, for session locks and LISTEN. The caller ends it. */
  dedicated(): Promise<pg.Client>;
  /** Rejects when the database cannot be used. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export const openDatabase = (options: DatabaseOptions): Database => new PostgresDatabase(options);

/** The role that owns a schema and nothing else, so that one service cannot read another's tables by mistake. */
export const roleOf = (schema: string): string => {
  if (!/^[a-z][a-z0-9_]{0,47}$/.test(schema)) throw new Error(`"${schema}" cannot be the name of a schema`);
  return `muster_${schema}`;
};

/** What every connection of a service starts with. */
export const sessionOptions = (schema: string): string =>
  `-c role=${roleOf(schema)} -c search_path=${schema}`;

class PostgresDatabase implements Database {
  readonly pool: pg.Pool;
  readonly schema: string;
  private readonly hooks = new WeakMap<pg.PoolClient, (() => void)[]>();
  private readonly clientConfig: pg.ClientConfig;

  constructor({ url, schema, poolSize, name, statementMs = STATEMENT_MS }: DatabaseOptions) {
    this.schema = schema;
    this.clientConfig = {
      connectionString: url,
      application_name: name,
      connectionTimeoutMillis: 3_000,
      keepAlive: true,
      // A server that hangs, or is gone without a word, is noticed by this; TCP would take a quarter of an hour.
      query_timeout: answerTime(statementMs),
      // What is asked at once on one connection is sent at once, and answered in its order: a round trip less for each.
      pipeline: true,
      // A statement or a transaction that hangs must not hold its locks, nor the horizon of the relay, for ever.
      options: `${sessionOptions(schema)} -c statement_timeout=${statementMs} -c idle_in_transaction_session_timeout=15s`,
    };
    this.pool = new pg.Pool({ ...this.clientConfig, max: poolSize, idleTimeoutMillis: 30_000 });
    // Without these two listeners a connection that breaks while nobody queries it ends the process. The pool drops the
    // connection by itself; who was using it gets the fault from the query.
    this.pool.on('error', ignore);
    this.pool.on('connect', (client) => client.on('error', ignore));
  }

  async query<Row extends pg.QueryResultRow>(
    query: string | pg.QueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>> {
    try {
      return await this.pool.query<Row>(query, values);
    } catch (error) {
      throw asAppError(error);
    }
  }

  async transaction<T>(fn: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
    let tx: pg.PoolClient;
    try {
      tx = await this.pool.connect();
    } catch (error) {
      throw asAppError(error);
    }
    let result: T;
    try {
      // Not waited for: `fn` sends its first statement behind it. Where it fails, the connection is gone, and all else with it.
      const begun = tx.query('BEGIN');
      begun.catch(ignore);
      result = await fn(tx);
      await begun;
      const { command } = await tx.query('COMMIT');
      // PostgreSQL answers ROLLBACK to the COMMIT of a transaction in which a statement had failed.
      if (command !== 'COMMIT') throw new Error('An error inside the transaction was swallowed.');
      usualStatements(tx);
      tx.release();
    } catch (error) {
      this.hooks.delete(tx);
      usualStatements(tx);
      await rollBack(tx);
      throw asAppError(error);
    }
    const hooks = this.hooks.get(tx);
    this.hooks.delete(tx);
    hooks?.forEach((hook) => hook());
    return result;
  }

  afterCommit(tx: pg.PoolClient, fn: () => void): void {
    const hooks = this.hooks.get(tx);
    if (hooks === undefined) this.hooks.set(tx, [fn]);
    else hooks.push(fn);
  }

  async dedicated(): Promise<pg.Client> {
    const client = new pg.Client(this.clientConfig);
    client.on('error', ignore);
    try {
      await client.connect();
    } catch (error) {
      await client.end().catch(ignore);
      throw asAppError(error);
    }
    return client;
  }

  async ping(): Promise<void> {
    await this.query('SELECT 1');
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}

const rollBack = async (tx: pg.PoolClient): Promise<void> => {
  try {
    await tx.query('ROLLBACK');
    tx.release();
  } catch {
    tx.release(true); // the connection is broken: take it out of the pool
  }
};

const ignore = (): void => undefined;
