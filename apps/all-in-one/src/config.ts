import { processKeys, readConfig, type ConfigOf } from '@muster/observability';

const { opsPort, opsHost, stopSeconds } = processKeys;
const schema = { opsPort, opsHost, stopSeconds };

/** What belongs to the process; the rest is each service's own. */
export const loadConfig = (
  env: Readonly<Record<string, string | undefined>> = process.env,
): ConfigOf<typeof schema> => readConfig(schema, env);
