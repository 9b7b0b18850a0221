import { expect, it } from '@jest/globals';
import { explainPostgres } from './postgres.js';

it('explains a damaged data directory by its last fatal line and how to begin anew', () => {
  const log = [
    '2026-11-20 22:00:00 UTC [1] LOG:  starting PostgreSQL 18.4',
    '2026-11-20 22:00:00 UTC [1] PANIC:  could not locate a valid checkpoint record',
  ].join('\n');
  expect(explainPostgres(log, '/my data/postgres-18')).toEqual({
    message: 'could not locate a valid checkpoint record',
    advice: [expect.any(String), `  mv '/my data/postgres-18' '/my data/postgres-18.damaged'`],
  });
  expect(explainPostgres('LOG: all is well', '/x')).toBeUndefined();
});
