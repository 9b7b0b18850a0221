import { readFileSync } from 'node:fs';
import { markedProcesses } from '@muster/local-servers';
import { eventually } from './eventually.js';
import { requireTestVariable } from './test-environment.js';

/**
 * Ends the run's RabbitMQ as a power cut would; the run starts it again by itself, which takes some seconds. Resolves when
 * it is gone. Only in e2e specs, which run one after another.
 */
export const killBroker = async (): Promise<void> => {
  const instance = requireTestVariable('MUSTER_INSTANCE');
  const broker = markedProcesses(instance).find(({ server }) => server === 'rabbitmq');
  if (broker === undefined) throw new Error('the RabbitMQ of this run was not found');
  const { pid } = broker.identity;
  process.kill(pid, 'SIGKILL');
  await eventually(() => markedProcesses(instance).every(({ identity }) => identity.pid !== pid), {
    what: 'RabbitMQ is gone',
  });
};

/** What the run's RabbitMQ holds in memory. */
export const brokerMemoryBytes = (): number => {
  const instance = requireTestVariable('MUSTER_INSTANCE');
  const own = markedProcesses(instance).filter(({ server }) => server === 'rabbitmq');
  if (own.length === 0) throw new Error('the RabbitMQ of this run was not found');
  return own.reduce((sum, { identity }) => {
    const status = readFileSync(`/proc/${identity.pid}/status`, 'utf8');
    return sum + Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
  }, 0);
};
