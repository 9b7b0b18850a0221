import { eventStream, subjectToken, type Shape } from '../contract.js';
import { TELEMETRY_STREAM, TELEMETRY_TYPE, TelemetryBatch } from '../telemetry/published.js';
import { publishedContracts } from './every-contract.js';
import { schemasOf, type JsonSchema } from './json-schema.js';

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
      stream: eventStream(service).name,
      filter: (tenantId: string) => `muster.v1.event.${service}.${subjectToken(tenantId)}.>`,
    })),
    {
      service: 'telemetry',
      stream: TELEMETRY_STREAM.name,
      filter: (tenantId: string) => `muster.v1.telemetry.${subjectToken(tenantId)}.>`,
    },
  ].sort((a, b) => (a.service < b.service ? -1 : 1));
};

/** Everything a tenant's services publish but telemetry. */
export const liveSubject = (tenantId: string): string => `muster.v1.event.*.${subjectToken(tenantId)}.>`;

/** CloudEvents type → JSON Schema of its data. */
export const eventSchemas = (): ReadonlyMap<string, JsonSchema> =>
  new Map(
    [
      ...publishedContracts().map(({ type, data }) => [type, data] as const),
      [TELEMETRY_TYPE, TelemetryBatch] as const,
    ].map(([type, data]) => [type, schemaOf(type, data)]),
  );

const schemaOf = (title: string, data: Shape<object>): JsonSchema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title,
  $ref: `#/$defs/${data.name}`,
  $defs: schemasOf([data], '#/$defs/'),
});
