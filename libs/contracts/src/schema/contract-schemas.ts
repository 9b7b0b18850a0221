import type { PublishedContract, RequestContract, Shape } from '../contract.js';
import { publishedContracts, requestContracts } from './every-contract.js';
import { schemasOf, type JsonSchema } from './json-schema.js';

/**
 * One JSON Schema document per contract, by file name: what `docs/contracts/` holds. A change that breaks readers shows
 * as a diff there.
 */
export const contractSchemas = (): ReadonlyMap<string, JsonSchema> => {
  const documents = [...requestContracts().map(ofRequest), ...publishedContracts().map(ofPublished)];
  return new Map(documents.sort(([a], [b]) => (a < b ? -1 : 1)));
};

/** `service.configuration.desired.change.json` */
const ofRequest = (contract: RequestContract<object, object>): readonly [string, JsonSchema] => [
  `${contract.subject.replace('muster.v1.', '')}.json`,
  {
    $schema: DIALECT,
    title: contract.subject,
    type: 'object',
    properties: { request: refTo(contract.request), reply: refTo(contract.reply) },
    'x-errors': [...contract.errors].sort(),
    'x-idempotent': contract.idempotent,
    $defs: schemasOf([contract.request, contract.reply], PREFIX),
  },
];

/** `event.device-registry.device.provisioned.v1.json` */
const ofPublished = (contract: PublishedContract<object>): readonly [string, JsonSchema] => [
  `event.${contract.service}.${contract.entity}.${contract.verb}.v${contract.schemaVersion}.json`,
  {
    $schema: DIALECT,
    title: contract.type,
    'x-subject': contract.filter,
    ...refTo(contract.data),
    $defs: schemasOf([contract.data], PREFIX),
  },
];

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const PREFIX = '#/$defs/';

const refTo = (shape: Shape<object>): JsonSchema =>
  shape.name in schemasOf([shape], PREFIX) ? { $ref: `${PREFIX}${shape.name}` } : { type: 'object' };
