import { readFileSync } from 'node:fs';
import { readSecrets, userDefinitions } from '@muster/local-servers';
import { openTrust, trustLines } from '@muster/nats-accounts';
import { stringify } from 'yaml';
import { NAMES, NATS_ACCOUNTS, SECRET_KEYS } from './infrastructure.js';

/** The Secrets of an installation as YAML. Its passwords and keys are made, once, in the directory, and the same again afterwards. */
export const secretsOf = async (directory: string): Promise<string> => {
  const { server, servicesFile, integrationsFile } = await openTrust(directory);
  const secrets = readSecrets(directory);
  const { amqpPassword, frontPassword, adminApiKeyFile, sealingKeyFile } = secrets;
  const contents: Readonly<Record<string, string>> = {
    'muster-amqp': `amqp://muster-adapter:${amqpPassword}@${NAMES.rabbitmq}:5672`,
    'muster-broker-mqtt': `mqtt://muster-front:${frontPassword}@${NAMES.rabbitmq}:1883`,
    'muster-admin-api-key': readFileSync(adminApiKeyFile, 'utf8').trim(),
    'muster-nats-services': readFileSync(servicesFile, 'utf8'),
    'muster-nats-integrations': readFileSync(integrationsFile, 'utf8'),
    [NAMES.natsTrust]: `${trustLines(server, NATS_ACCOUNTS).join('\n')}\n`,
    [NAMES.definitions]: userDefinitions(secrets),
    [NAMES.sealing]: readFileSync(sealingKeyFile, 'utf8').trim(),
  };
  return Object.entries(SECRET_KEYS)
    .map(([name, key]) =>
      stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name },
        type: 'Opaque',
        stringData: { [key]: contents[name] },
      }),
    )
    .join('---\n');
};
