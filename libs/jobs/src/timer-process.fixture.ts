import { openWorks, startWorkers } from './jobs.fixture.js';

/**
 * A process of its own, to be killed: `node timer-process.fixture.js <database url>`. It says "ready", and in the middle
 * of firing a timer "firing", and holds there for ever.
 */
const works = openWorks(process.argv[2] ?? '', 'works-to-be-killed');
startWorkers(works, [], 1, {
  note: async (tx, { key }) => {
    await tx.query('INSERT INTO effects (job_id, item) VALUES ($1, $2)', ['timer', key]);
    process.stdout.write('firing\n');
    await new Promise<never>(() => undefined);
  },
});
process.stdout.write('ready\n');
