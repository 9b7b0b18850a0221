import { INTERFACES } from '@muster/contracts/device-registry/devices.requests';
import { jobKeys, targetKeys } from '@muster/jobs';
import { int, readConfig, string, type ConfigOf } from '@muster/observability';
import { serviceKeys } from '@muster/service-host';

export const configSchema = {
  ...serviceKeys({ prefix: 'DEVICE_REGISTRY', schema: 'device_registry' }),
  ...jobKeys({ prefix: 'DEVICE_REGISTRY' }),
  ...targetKeys({ prefix: 'DEVICE_REGISTRY' }),
  interfaces: string({
    env: 'MUSTER_INTERFACES',
    doc: 'Interfaces that this installation serves, with commas between; a device of another one could connect nowhere',
    unit: INTERFACES.join(', '),
    pattern: new RegExp(`^(${INTERFACES.join('|')})(,(${INTERFACES.join('|')}))*$`),
    default: 'mqtt,http',
  }),
  unconfirmedAfterSeconds: int({
    env: 'MUSTER_CONFIGURATION_UNCONFIRMED_AFTER_SECONDS',
    doc: 'As in configuration, and the same there: a device that is silent for longer is found as `unconfirmed`',
    unit: 'seconds',
    min: 1,
    default: 300,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);

/** Alone, for `npm run rebuild`, which needs nothing else of it. */
export const loadStreamMaxAgeHours = (env: Readonly<Record<string, string | undefined>>): number =>
  readConfig({ streamMaxAgeHours: configSchema.streamMaxAgeHours }, env).streamMaxAgeHours;
