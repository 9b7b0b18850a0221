import { openWorks, startWorkers } from './jobs.fixture.js';

/**
 * A process of its own: `node step-process.fixture.js <database url> [hold]`. It says "ready". A step writes down that it
 * begins and that it ends; with `hold` it says "running" in between, and holds there for ever.
 */
const works = openWorks(process.argv[2] ?? '', 'works-to-be-killed');
const hold = process.argv[3] === 'hold';
const note = (key: string, what: string): Promise<unknown> =>
  works.database.query('INSERT INTO effects (job_id, item) VALUES ($1, $2)', [key, what]);
startWorkers(
  works,
  [],
  2,
  {},
  {
    move: async ({ key }) => {
      await note(key, 'begins');
      if (hold) {
        process.stdout.write('running\n');
        await new Promise<never>(() => undefined);
      }
      await works.database.query('SELECT pg_sleep(0.01)');
      await note(key, 'ends');
    },
  },
);
process.stdout.write('ready\n');
