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
    doc: 'Interfaces that this installation serves, with commas between; a device of another one could connect nowhere, and so could one of iothub that is in no IoT Hub',
    unit: INTERFACES.join(', '),
    pattern: new RegExp(`^(${INTERFACES.join('|')})(,(${INTERFACES.join('|')}))*$`),
    default: 'mqtt,http,iothub',
  }),
  unconfirmedAfterSeconds: int({
    env: 'MUSTER_CONFIGURATION_UNCONFIRMED_AFTER_SECONDS',
    doc: 'As in configuration, and the same there: a device that is silent for longer is found as `unconfirmed`',
    unit: 'seconds',
    min: 1,
    default: 300,
  }),
  passwordsAtOnce: int({
    env: 'MUSTER_DEVICE_REGISTRY_PASSWORDS_AT_ONCE',
    doc: 'Given passwords of devices that one process checks at once; each takes a core for 0.2 s, and 16 MiB. Generated ones take nothing',
    unit: 'passwords',
    min: 1,
    max: 64,
    default: 2,
  }),
  passwordsWaiting: int({
    env: 'MUSTER_DEVICE_REGISTRY_PASSWORDS_WAITING',
    doc: 'Given passwords that wait for their turn; of more, the device is told to come again',
    unit: 'passwords',
    min: 1,
    max: 100_000,
    default: 200,
  }),
  verifiedPasswords: int({
    env: 'MUSTER_DEVICE_REGISTRY_VERIFIED_PASSWORDS',
    doc: 'Passwords that were right lately and are known again at once, by a keyed digest in memory; 150 bytes each',
    unit: 'passwords',
    min: 0,
    max: 10_000_000,
    default: 100_000,
  }),
  guessesPerMinute: int({
    env: 'MUSTER_DEVICE_REGISTRY_GUESSES_PER_MINUTE',
    doc: 'Wrong passwords of one user name in a minute, and as many at once; then each is refused unseen',
    unit: 'passwords',
    min: 1,
    max: 1_000_000,
    default: 10,
  }),
  guessesPerAddressPerMinute: int({
    env: 'MUSTER_DEVICE_REGISTRY_GUESSES_PER_ADDRESS_PER_MINUTE',
    doc: 'The same of one address, whatever the user names; and of claim keys',
    unit: 'guesses',
    min: 1,
    max: 1_000_000,
    default: 60,
  }),
};

export type Config = ConfigOf<typeof configSchema>;

export const loadConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config =>
  readConfig(configSchema, env);

/** Alone, for `npm run rebuild`, which needs nothing else of it. */
export const loadStreamMaxAgeHours = (env: Readonly<Record<string, string | undefined>>): number =>
  readConfig({ streamMaxAgeHours: configSchema.streamMaxAgeHours }, env).streamMaxAgeHours;
