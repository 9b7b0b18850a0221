import { rebuilds as campaignOrchestrator } from '@muster/campaign-orchestrator';
import { rebuilds as commands } from '@muster/commands';
import { rebuilds as configuration } from '@muster/configuration';
import { AppError } from '@muster/contracts';
import { rebuilds as deviceRegistry } from '@muster/device-registry';
import { rebuilds as firmware } from '@muster/firmware';
import { rebuilds as identity } from '@muster/identity';
import { rebuilds as iotHubAdapter } from '@muster/iothub-adapter';

/**
 * `npm run rebuild -- <service>.<what>…`: makes again what is made from events. Ends with 0 when all of it was done,
 * with 64 when a name is unknown (then nothing was done), with 1 when something failed.
 */
const services = {
  'device-registry': deviceRegistry,
  configuration,
  'campaign-orchestrator': campaignOrchestrator,
  commands,
  firmware,
  identity,
  'iothub-adapter': iotHubAdapter,
};

const known: ReadonlyMap<string, (typeof configuration)[string]> = new Map(
  Object.entries(services).flatMap(([service, rebuilds]) =>
    Object.entries(rebuilds).map(([name, rebuild]) => [`${service}.${name}`, rebuild] as const),
  ),
);

/** What the catalogue knows is a sentence with its cause; anything else is our bug and shows its stack. */
const explain = (error: unknown): string => {
  if (!(error instanceof AppError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.detail}${cause}`;
};

const complain = (line: string): void => void process.stderr.write(`${line}\n`);

const main = async (names: readonly string[]): Promise<number> => {
  const unknown = names.filter((name) => !known.has(name));
  if (names.length === 0 || unknown.length > 0) {
    for (const name of unknown) complain(`There is no "${name}".`);
    complain('Usage: npm run rebuild -- <name>…, of these:');
    const width = Math.max(...[...known.keys()].map((name) => name.length));
    for (const [name, { what }] of known) complain(`  ${name.padEnd(width)}  ${what}`);
    return 64;
  }
  const url = process.env['MUSTER_DATABASE_URL'];
  if (url === undefined || url === '') {
    complain('MUSTER_DATABASE_URL is not set.');
    return 78;
  }
  for (const name of names) {
    const began = Date.now();
    try {
      const done = await known.get(name)?.run(url, process.env);
      process.stdout.write(`${name}: ${done ?? ''} (${((Date.now() - began) / 1_000).toFixed(1)} s)\n`);
    } catch (error) {
      complain(`${name}: failed: ${explain(error)}`);
      return 1;
    }
  }
  return 0;
};

process.exitCode = await main(process.argv.slice(2));
