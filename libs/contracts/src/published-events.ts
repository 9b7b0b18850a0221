import type { PublishedContract, Shape } from './contract.js';
import * as contracts from './index.js';
import { schemasOf, type JsonSchema } from './json-schema.js';

/** Every published event there is, by type and service. */
export const publishedContracts = (): readonly PublishedContract<object>[] =>
  Object.values<unknown>(contracts)
    .filter(isPublished)
    .sort((a, b) => (`${a.type} ${a.service}` < `${b.type} ${b.service}` ? -1 : 1));

/** One stream of what is published, and what of it belongs to a tenant. */
export interface PublishedStream {
  readonly service: string;
  readonly stream: string;
  filter(tenantId: string): string;
}

/** By service; telemetry is one of them. */
export const publishedStreams = (): readonly PublishedStream[] => {
  const services = [...new Set(publishedContracts().map(({ service }) => service))];
  return [
    ...services.map((service) => ({
      service,
      stream: contracts.eventStream(service).name,
      filter: (tenantId: string) => `muster.v1.event.${service}.${contracts.subjectToken(tenantId)}.>`,
    })),
    {
      service: 'telemetry',
      stream: contracts.TELEMETRY_STREAM.name,
      filter: (tenantId: string) => `muster.v1.telemetry.${contracts.subjectToken(tenantId)}.>`,
    },
  ].sort((a, b) => (a.service < b.service ? -1 : 1));
};

/** Everything a tenant's services publish but telemetry. */
export const liveSubject = (tenantId: string): string =>
  `muster.v1.event.*.${contracts.subjectToken(tenantId)}.>`;

/** CloudEvents type → JSON Schema of its data. */
export const eventSchemas = (): ReadonlyMap<string, JsonSchema> =>
  new Map(
    [
      ...publishedContracts().map(({ type, data }) => [type, data] as const),
      [contracts.TELEMETRY_TYPE, contracts.TelemetryBatch] as const,
    ].map(([type, data]) => [type, schemaOf(type, data)]),
  );

const schemaOf = (title: string, data: Shape<object>): JsonSchema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title,
  $ref: `#/$defs/${data.name}`,
  $defs: schemasOf([data], '#/$defs/'),
});

const isPublished = (value: unknown): value is PublishedContract<object> =>
  typeof value === 'object' && value !== null && 'filter' in value && 'verb' in value;
