import type { Json } from '@muster/json';
import { RESOURCES, type Resource, type ResourceName } from './resources.js';

/** A JSON Schema (draft 7), as AsyncAPI takes it. */
type Schema = { readonly [keyword: string]: Json | Schema | readonly Schema[] };

/** What is sent to a resource or comes from it. */
interface Message {
  readonly summary: string;
  /** Absent: no payload, or one that is ignored. */
  readonly schema?: Schema;
  /** As it is on the wire. */
  readonly example?: string;
  /** Default: JSON. */
  readonly contentType?: string;
}

interface Description {
  readonly summary: string;
  readonly request: Message;
  /** Absent: zero bytes. */
  readonly answer?: Message;
}

const configId = { type: 'string', maxLength: 128, description: 'The document that is applied' };
const observe = {
  type: 'boolean',
  description: 'Whether to be sent what comes; remembered until it is said otherwise',
};
const configurationRequest: Schema = {
  type: 'object',
  properties: { configId, observe },
  additionalProperties: false,
};
const appliedReport: Schema = {
  type: 'object',
  properties: {
    configId,
    statusCode: { type: 'number', default: 200, description: '2xx: applied, anything else: refused' },
    reasonPhrase: { type: 'string' },
  },
  required: ['configId'],
  additionalProperties: false,
};
const documentAnswer: Schema = {
  type: 'object',
  properties: {
    id: { type: 'integer', description: 'The request id, where there was one' },
    configId: { type: 'string', description: 'Absent with 304; "" when nothing is configured' },
    statusCode: { enum: [200, 304] },
    reasonPhrase: { type: 'string' },
    config: { type: ['object', 'null'], description: 'The whole document. Never null in a push' },
  },
  required: ['statusCode', 'reasonPhrase'],
};
const metadataKey = { type: 'string', pattern: '^[a-zA-Z0-9_]{1,64}$' };
const metadataValues: Schema = {
  type: 'object',
  minProperties: 1,
  patternProperties: { [metadataKey.pattern]: {} },
  additionalProperties: false,
};
const commandRequest: Schema = { type: 'object', properties: { observe }, additionalProperties: false };
const commandsAnswer = (withType: boolean): Schema => ({
  type: 'array',
  items: {
    type: 'object',
    properties: {
      ...(withType ? { type: { type: 'string' } } : {}),
      id: { type: 'integer', minimum: 1, description: 'Unique within the device and the type' },
      payload: { description: 'Any JSON; absent: none' },
    },
    required: withType ? ['type', 'id'] : ['id'],
  },
});
const commandResult: Schema = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    statusCode: { type: 'number', minimum: 100, exclusiveMaximum: 1000, description: '2xx: executed' },
    reasonPhrase: { type: ['string', 'null'] },
    payload: { description: 'Any JSON' },
  },
  required: ['id', 'statusCode'],
};

const nothing: Message = { summary: 'No payload; what is sent is ignored' };
const configurationFetch: Description = {
  summary: 'Ask for the configuration',
  request: {
    summary: 'May be empty',
    schema: configurationRequest,
    example: '{"observe":true}',
  },
  answer: { summary: 'The document, or 304 to who has it', schema: documentAnswer },
};
const configurationReport: Description = {
  summary: 'Say that a configuration was applied, or why it was refused',
  request: {
    summary: 'The document it is about',
    schema: appliedReport,
    example: '{"configId":"97016dbe8bb4adff8f754ecbf24612f2"}',
  },
};
const softwareFetch: Description = {
  summary: 'Ask for the version to go to next',
  request: {
    summary: 'May be empty; configId is the version that runs',
    schema: configurationRequest,
    example: '{"observe":true}',
  },
  answer: {
    summary: 'configId is the version, config has its URL, size and SHA-256; 304 when there is none',
    schema: documentAnswer,
  },
};
const softwareReport: Description = {
  summary: 'Say which version runs, or why one was refused',
  request: { summary: 'configId is the version', schema: appliedReport, example: '{"configId":"0.0.2"}' },
};

const DESCRIPTIONS: Readonly<Record<ResourceName, Description>> = {
  telemetry: {
    summary: 'Send samples',
    request: {
      summary: 'One object, or an array with an object per sample; at least one field besides the time',
      schema: { type: ['object', 'array'], minProperties: 1, items: { type: 'object', minProperties: 1 } },
      example: '{"temperature":21,"humidity":73}',
    },
  },
  'telemetry-plain': {
    summary: 'Send one value without JSON; off unless the device type has it enabled',
    request: {
      summary: 'A number, a number directly followed by its unit, or text',
      schema: { type: ['number', 'string'] },
      example: '200',
      contentType: 'text/plain',
    },
  },
  'metadata-keys': {
    summary: 'Ask for the keys of the metadata',
    request: nothing,
    answer: {
      summary: 'Keys the device may read',
      schema: { type: 'array', items: metadataKey, uniqueItems: true },
    },
  },
  metadata: {
    summary: 'Ask for metadata',
    request: {
      summary: 'Empty for all, or the keys that are wanted',
      schema: {
        type: 'object',
        properties: { keys: { type: 'array', items: metadataKey, uniqueItems: true, maxItems: 256 } },
        additionalProperties: false,
      },
      example: '{"keys":["name"]}',
    },
    answer: { summary: 'Key → value', schema: { type: 'object' } },
  },
  'metadata-replace': {
    summary: 'Replace the metadata: writable keys that are not named are removed',
    request: {
      summary: 'Key → value',
      schema: metadataValues,
      example: '{"deviceModel":"example model","name":"Sensor 1"}',
    },
  },
  'metadata-merge': {
    summary: 'Add and replace metadata',
    request: { summary: 'Key → value', schema: metadataValues, example: '{"deviceModel":"new model"}' },
  },
  'metadata-delete': {
    summary: 'Remove metadata',
    request: {
      summary: 'Keys; unknown ones are passed over',
      schema: { type: 'array', items: metadataKey, minItems: 1, maxItems: 256, uniqueItems: true },
      example: '["location","areaId"]',
    },
  },
  commands: {
    summary: 'Ask for the outstanding commands of all types',
    request: { summary: 'May be empty', schema: commandRequest, example: '{"observe":true}' },
    answer: { summary: 'Oldest first; [] when there are none', schema: commandsAnswer(true) },
  },
  'commands-of-type': {
    summary: 'Ask for the outstanding commands of one type',
    request: { summary: 'May be empty', schema: commandRequest, example: '{"observe":true}' },
    answer: { summary: 'In the order of their ids; [] when there are none', schema: commandsAnswer(false) },
  },
  'command-results': {
    summary: 'Say what became of commands',
    request: {
      summary: 'An array, which may be empty, or one object',
      schema: { anyOf: [{ type: 'array', items: commandResult }, commandResult] },
      example: '[{"id":1,"statusCode":200,"reasonPhrase":"Ok","payload":{"engine_on":true}}]',
    },
  },
  configuration: configurationFetch,
  'configuration-named': { ...configurationFetch, summary: 'The same; the only name is `default`' },
  'configuration-applied': configurationReport,
  'configuration-applied-named': { ...configurationReport, summary: 'The same; the only name is `default`' },
  'state-report': {
    summary: 'Report single values of the device’s own state',
    request: {
      summary: 'Merged into what is known (RFC 7396); null removes',
      schema: { type: 'object' },
      example: '{"led":true,"fan":null}',
    },
  },
  state: {
    summary: 'Ask for the reported state as it is stored',
    request: nothing,
    answer: { summary: 'Key → value', schema: { type: 'object' } },
  },
  software: softwareFetch,
  'software-named': { ...softwareFetch, summary: 'The same, of the firmware type with this name' },
  'software-applied': softwareReport,
  'software-applied-named': { ...softwareReport, summary: 'The same, of the firmware type with this name' },
  'upload-token': {
    summary: 'Ask for leave to upload files over HTTP',
    request: nothing,
    answer: {
      summary: 'For the header X-Auth-Token',
      schema: { type: 'object', properties: { token: { type: 'string' } }, required: ['token'] },
    },
  },
};

const PARAMETERS: Readonly<Record<string, string>> = {
  appVersion: 'An application version of the device’s type',
  token: 'The endpoint token, which is what identifies the device',
  requestId: 'Digits alone, at most nineteen; echoed as it is written. The level may be left out',
  metric: 'Name of the value: [A-Za-z0-9_-]{1,64}, not digits alone, not status, not error',
  type: 'Type of the command: [A-Za-z0-9_-]{1,64}, not digits alone, not status, not error',
  name: 'Name of the document: [A-Za-z0-9_-]{1,64}, not digits alone, not status, not error',
};

/** What devices publish and subscribe to, as AsyncAPI 3, from the point of view of the platform. Made of the table alone. */
export const deviceAsyncApi = () => {
  const channels = RESOURCES.flatMap(channelsOf);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Muster device API',
      version: '1',
      description:
        'kp1 over MQTT. In every address the level {requestId} may be left out: a fetch is answered all the same, a write ' +
        'tells its success only with an id. Errors are always told.',
    },
    defaultContentType: 'application/json',
    channels: {
      ...Object.fromEntries(channels.map(({ key, channel }) => [key, channel])),
      ...enrolmentChannels,
    },
    operations: {
      ...Object.fromEntries(RESOURCES.flatMap(operationsOf).map(({ key, operation }) => [key, operation])),
      ...enrolmentOperations,
    },
    components: {
      messages: {
        error: {
          summary: 'Why it was not done',
          payload: {
            type: 'object',
            properties: {
              statusCode: { type: 'integer', description: 'As in HTTP' },
              reasonPhrase: { type: 'string', description: 'For the device’s developer' },
            },
            required: ['statusCode', 'reasonPhrase'],
            additionalProperties: false,
          },
        },
      },
    },
  };
};

const messageOf = ({ summary, schema, example, contentType }: Message) => ({
  summary,
  ...(contentType === undefined ? {} : { contentType }),
  ...(schema === undefined ? {} : { payload: schema }),
  ...(example === undefined
    ? {}
    : { examples: [{ payload: contentType === undefined ? (JSON.parse(example) as Json) : example }] }),
});

const text: Schema = { type: 'string' };

/** No resource of a device: who sends it is none yet. */
const enrolmentChannels = {
  enrolment: {
    address: 'kp1/enrol',
    messages: {
      message: messageOf({
        summary: 'Who it is, and a claim key',
        schema: {
          type: 'object',
          properties: { claimKey: text, name: text, serialNumber: text },
          required: ['claimKey', 'name'],
          additionalProperties: false,
        },
        example: '{"claimKey":"a9Cq…","name":"sensor-17"}',
      }),
    },
  },
  'enrolment.status': {
    address: 'kp1/enrol/status',
    messages: {
      message: messageOf({
        summary: 'All that the device needs, shown this once',
        schema: {
          type: 'object',
          properties: {
            deviceId: text,
            status: { enum: ['active', 'pending'] },
            interface: { enum: ['mqtt', 'http'] },
            appVersion: text,
            token: text,
            credential: {
              type: 'object',
              properties: {
                kind: { enum: ['password', 'secret'] },
                username: text,
                password: text,
                secret: text,
              },
              required: ['kind'],
            },
          },
          required: ['deviceId', 'status', 'interface', 'appVersion', 'token', 'credential'],
        },
      }),
    },
  },
  'enrolment.error': {
    address: 'kp1/enrol/error',
    messages: { message: { $ref: '#/components/messages/error' } },
  },
};

const enrolmentOperations = {
  enrolment: {
    action: 'receive',
    summary: 'A device without any credential gets one, for a claim key',
    description:
      'Once on a connection that has said nothing else. Answered always, to that connection alone.',
    channel: { $ref: '#/channels/enrolment' },
    reply: { channel: { $ref: '#/channels/enrolment.status' } },
  },
  'enrolment.error': {
    action: 'send',
    summary: 'Refused: an enrolment',
    channel: { $ref: '#/channels/enrolment.error' },
  },
};

const addressOf = ({ extension, path }: Resource): string =>
  ['kp1', '{appVersion}', extension, '{token}', ...path].join('/');

const channelsOf = (resource: Resource) => {
  const { name, pushed } = resource;
  const { request, answer } = DESCRIPTIONS[name];
  const without = addressOf(resource);
  const withId = `${without}/{requestId}`;
  const channel = (address: string, message: object) => ({
    address,
    parameters: Object.fromEntries(
      Object.entries(PARAMETERS)
        .filter(([key]) => address.includes(`{${key}}`))
        .map(([key, description]) => [key, { description }]),
    ),
    messages: { message },
  });
  const status = answer === undefined ? { summary: 'Done; zero bytes' } : messageOf(answer);
  return [
    { key: name, channel: channel(withId, messageOf(request)) },
    { key: `${name}.status`, channel: channel(`${withId}/status`, status) },
    {
      key: `${name}.error`,
      channel: channel(`${withId}/error`, { $ref: '#/components/messages/error' }),
    },
    ...(pushed === true ? [{ key: `${name}.push`, channel: channel(`${without}/status`, status) }] : []),
  ];
};

interface Operation {
  readonly key: string;
  readonly operation: object;
}

const operationsOf = ({ name, kind, pushed }: Resource): readonly Operation[] => {
  const refTo = (key: string) => ({ $ref: `#/channels/${key}` });
  const { summary } = DESCRIPTIONS[name];
  const always = kind === 'fetch' ? 'always' : 'only with a request id';
  const push = { action: 'send', summary: 'Unasked, QoS 1, never retained', channel: refTo(`${name}.push`) };
  return [
    {
      key: name,
      operation: {
        action: 'receive',
        summary,
        description: `Success is answered ${always}, errors always.`,
        channel: refTo(name),
        reply: { channel: refTo(`${name}.status`) },
      },
    },
    {
      key: `${name}.error`,
      operation: { action: 'send', summary: `Refused: ${summary}`, channel: refTo(`${name}.error`) },
    },
    ...(pushed === true ? [{ key: `${name}.push`, operation: push }] : []),
  ];
};
