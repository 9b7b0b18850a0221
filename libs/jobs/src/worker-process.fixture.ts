import { openWorks, startWorkers, write } from './jobs.fixture.js';

/**
 * A process of its own, to be killed: `node worker-process.fixture.js <database url>`. In the middle of every chunk it
 * says "in chunk" and holds until somebody puts a row into `go`.
 */
const works = openWorks(process.argv[2] ?? '', 'works-to-be-killed');
startWorkers(
  works,
  [
    {
      ...write,
      run: async (tx, job, items) => {
        const outcomes = await write.run(tx, job, items);
        process.stdout.write('in chunk\n');
        for (;;) {
          const { rowCount } = await tx.query('SELECT 1 FROM go');
          if (rowCount !== 0) return outcomes;
          await tx.query('SELECT pg_sleep(0.02)');
        }
      },
    },
  ],
  1,
);
