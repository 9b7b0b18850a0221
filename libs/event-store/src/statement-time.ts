import type pg from 'pg';

/** How long a statement may take, as PostgreSQL sees it. */
export const STATEMENT_MS = 15_000;
/** How much later its answer is given up, and the connection with it: by a server that lives it would be here. */
const ANSWER_MS = 5_000;

/** How long to wait for the answer to a statement that may take so long; 0: for ever. */
export const answerTime = (statementMs: number): number => (statementMs === 0 ? 0 : statementMs + ANSWER_MS);

/** pg looks at it at each statement; its types do not say so. */
interface Waiting {
  readonly connectionParameters: { query_timeout: number };
}

const usual = new WeakMap<pg.ClientBase, number>();

/** Statements of this transaction may take so long from now on; 0: as long as they need. */
export const allowStatements = async (tx: pg.ClientBase, milliseconds: number): Promise<void> => {
  const { connectionParameters } = tx as unknown as Waiting;
  if (!usual.has(tx)) usual.set(tx, connectionParameters.query_timeout);
  connectionParameters.query_timeout = answerTime(milliseconds);
  await tx.query(`SET LOCAL statement_timeout = ${milliseconds}`);
};

/** After the transaction. PostgreSQL has forgotten it by then. */
export const usualStatements = (client: pg.ClientBase): void => {
  const before = usual.get(client);
  if (before === undefined) return;
  (client as unknown as Waiting).connectionParameters.query_timeout = before;
  usual.delete(client);
};
