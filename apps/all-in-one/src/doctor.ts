import { checkup as campaignOrchestrator } from '@muster/campaign-orchestrator';
import { checkup as commands } from '@muster/commands';
import { checkup as configuration } from '@muster/configuration';
import { AppError } from '@muster/contracts';
import { checkup as deviceRegistry } from '@muster/device-registry';
import { checkup as firmware } from '@muster/firmware';
import { checkup as identity } from '@muster/identity';
import { checkup as iotHubAdapter } from '@muster/iothub-adapter';
import { checkup as telemetry } from '@muster/telemetry';

/**
 * `npm run doctor`: looks at what the services have in PostgreSQL and NATS, and changes nothing. Says what is wrong and what
 * to do about it. Ends with 0 when nothing is, warnings aside; with 1 when something is or could not be looked at.
 */
const services = {
  'device-registry': deviceRegistry,
  configuration,
  telemetry,
  commands,
  firmware,
  'campaign-orchestrator': campaignOrchestrator,
  identity,
  'iothub-adapter': iotHubAdapter,
};

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Faults and warnings. */
type Sum = readonly [number, number];

const main = async (): Promise<number> => {
  const url = process.env['MUSTER_DATABASE_URL'];
  if (url === undefined || url === '') {
    process.stderr.write('MUSTER_DATABASE_URL is not set.\n');
    return 78;
  }
  let [faults, warnings]: Sum = [0, 0];
  for (const [service, checkup] of Object.entries(services)) {
    const [more, others] = await look(service, checkup);
    faults += more;
    warnings += others;
  }
  say('');
  say(faults + warnings === 0 ? 'All is well.' : `${count(faults, 'fault')}, ${count(warnings, 'warning')}.`);
  return faults === 0 ? 0 : 1;
};

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

const look = async (service: string, checkup: typeof configuration): Promise<Sum> => {
  try {
    const { seen, findings } = await checkup(process.env);
    say(`${service}: ${[...seen, ...(findings.length === 0 ? ['well'] : [])].join(', ')}`);
    for (const { isFault, what, advice } of findings) tell(isFault ? 'FAULT' : 'warning', what, advice);
    const faults = findings.filter(({ isFault }) => isFault).length;
    return [faults, findings.length - faults];
  } catch (error) {
    say(`${service}:`);
    tell(
      'FAULT',
      `It could not be looked at: ${explain(error)}`,
      'Is PostgreSQL there, and MUSTER_DATABASE_URL right?',
    );
    return [1, 0];
  }
};

const tell = (grade: string, what: string, advice: string): void => {
  say(`  ${grade}  ${what}`);
  say(`  ${' '.repeat(grade.length)}  ${advice}`);
};

/** What the catalogue knows is a sentence with its cause; anything else is our bug and shows its stack. */
const explain = (error: unknown): string => {
  if (!(error instanceof AppError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.detail}${cause}`;
};

const code = await main();
// A server of NATS that never answered is still waited for.
process.exit(code);
