import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { schemasOf } from '@muster/contracts/schema/json-schema';
import { documentedShapes } from './operation.js';

const DESCRIPTION = `Devices and their types, configuration, telemetry, commands, firmwares and files.

Lists take \`limit\` (default 50, at most 500) and \`cursor\`, and answer \`{items, nextCursor}\`. Errors are
\`application/problem+json\`; unknown fields and query parameters are refused. What can be edited carries an \`ETag\`;
send it back as \`If-Match\`. A POST that creates may carry an \`Idempotency-Key\`: the same key and body get the first
answer again for 24 hours.`;

/** OpenAPI 3.1. Schemas come from the contracts' own rules. */
export const openApiDocument = (app: INestApplication): OpenAPIObject => {
  const settings = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Muster')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .addSecurity('apiKey', { type: 'apiKey', in: 'header', name: 'x-api-key' })
    .addSecurity('bearer', { type: 'http', scheme: 'bearer' })
    .build();
  const document = SwaggerModule.createDocument(app, settings, {
    operationIdFactory: (_controller, method) => method,
  });
  return {
    ...document,
    // Either of them, not both.
    security: [{ apiKey: [] }, { bearer: [] }],
    components: {
      ...document.components,
      schemas: { ...schemasOf(documentedShapes(), '#/components/schemas/'), Problem: PROBLEM }, // 3.1 takes JSON Schema
    },
  };
};

const text = { type: 'string' };

const PROBLEM = {
  type: 'object',
  description: 'RFC 9457',
  properties: {
    type: text,
    title: text,
    status: { type: 'integer' },
    detail: text,
    code: { type: 'string', description: 'Permanent; each operation lists those it knows.' },
    traceId: { type: 'string', description: 'Finds the request in the logs.' },
    errors: {
      type: 'array',
      items: { type: 'object', properties: { path: text, message: text }, required: ['path', 'message'] },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'code'],
};
