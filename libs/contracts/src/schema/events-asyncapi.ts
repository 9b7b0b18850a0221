import type { PublishedContract, Shape } from '../contract.js';
import { publishedContracts } from './every-contract.js';
import { schemasOf } from './json-schema.js';
import { TELEMETRY_TYPE, TelemetryBatch } from '../telemetry/published.js';

const DESCRIPTION = `Everything the platform publishes, over NATS. Each event is a CloudEvent 1.0 in binary mode: attributes are headers, the
payload is the data alone, as JSON. It arrives at least once: the same event always has the same \`ce-id\`. Events of one
entity are ordered by \`version\` in the data. Within a schema version fields are only added: pass over what you do not know.
docs/integrators.md tells how to subscribe.`;

const text = { type: 'string' };

/** CloudEvents attributes, as every message carries them. */
const HEADERS = {
  type: 'object',
  required: ['ce-specversion', 'ce-id', 'ce-type', 'ce-source', 'ce-time', 'Nats-Msg-Id'],
  properties: {
    'ce-specversion': { type: 'string', const: '1.0' },
    'ce-id': { type: 'string', description: 'The same for every delivery of an event' },
    'ce-type': text,
    'ce-source': { type: 'string', description: '/ and the service' },
    'ce-subject': { type: 'string', description: 'Id of the entity; telemetry has none' },
    'ce-time': { type: 'string', format: 'date-time' },
    'ce-datacontenttype': { type: 'string', const: 'application/json' },
    'ce-dataschema': { type: 'string', format: 'uri', description: 'Where the schema of the data is' },
    'Nats-Msg-Id': { type: 'string', description: 'ce-id again' },
    traceparent: { type: 'string', description: 'W3C trace context' },
    'x-tenant': text,
  },
};

const PARAMETERS = {
  tenant: { description: 'The tenant’s id' },
  entityId: { description: 'Id of what the event is about, as in ce-subject' },
  appVersion: { description: 'Application version of the devices' },
};

interface Channel {
  readonly key: string;
  readonly address: string;
  readonly parameters: readonly (keyof typeof PARAMETERS)[];
  readonly type: string;
  readonly data: Shape<object>;
}

/** AsyncAPI 3 of all that is published. The same contracts in, the same document out. */
export const eventsAsyncApi = (): object => {
  const channels: readonly Channel[] = [...publishedContracts().map(channelOf), TELEMETRY];
  return {
    asyncapi: '3.0.0',
    info: { title: 'Muster events', version: '1', description: DESCRIPTION },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(
      channels.map(({ key, address, parameters, type }) => [
        key,
        {
          address,
          parameters: Object.fromEntries(parameters.map((name) => [name, PARAMETERS[name]])),
          messages: { [type]: { $ref: `#/components/messages/${type}` } },
        },
      ]),
    ),
    operations: Object.fromEntries(
      channels.map(({ key, type }) => [
        key,
        {
          action: 'send',
          channel: { $ref: `#/channels/${key}` },
          messages: [{ $ref: `#/channels/${key}/messages/${type}` }],
        },
      ]),
    ),
    components: {
      messages: Object.fromEntries(
        channels.map(({ type, data }) => [
          type,
          {
            name: type,
            headers: { $ref: '#/components/schemas/CloudEventHeaders' },
            payload: { $ref: `#/components/schemas/${data.name}` },
          },
        ]),
      ),
      schemas: {
        CloudEventHeaders: HEADERS,
        ...schemasOf(
          channels.map(({ data }) => data),
          '#/components/schemas/',
        ),
      },
    },
  };
};

const channelOf = ({ service, entity, verb, type, data }: PublishedContract<object>): Channel => ({
  key: `${service}.${entity}.${verb}`,
  address: `muster.v1.event.${service}.{tenant}.${entity}.${verb}.{entityId}`,
  parameters: ['tenant', 'entityId'],
  type,
  data,
});

const TELEMETRY: Channel = {
  key: 'telemetry.stored',
  address: 'muster.v1.telemetry.{tenant}.{appVersion}',
  parameters: ['tenant', 'appVersion'],
  type: TELEMETRY_TYPE,
  data: TelemetryBatch,
};
