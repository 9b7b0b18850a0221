import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { schemasOf } from '@muster/contracts/schema/json-schema';
import { PLAIN_NAME } from '../http/session-cookie.js';
import type { Example } from './example.js';
import { EXAMPLES } from './examples.js';
import { documentedShapes } from './operation.js';
import { tagOf, TAGS } from './tags.js';

const DESCRIPTION = `Devices and their types, configuration, telemetry, commands, firmwares and files.

Lists take \`limit\` (default 50, at most 500) and \`cursor\`, and answer \`{items, nextCursor}\`; with \`count=true\` they
tell the \`total\` too. Errors are \`application/problem+json\`; unknown fields and query parameters are refused. What can be
edited carries an \`ETag\`; send it back as \`If-Match\`. A POST that creates may carry an \`Idempotency-Key\`: the same key
and body get the first answer again for 24 hours, without the secrets that it showed. 429 and 503 say in \`Retry-After\` when to try again.`;

const SESSION = `For browsers: \`POST /sessions\` sets it. By TLS its name is \`__Host-${PLAIN_NAME}\`. Whatever is not a
GET needs an \`Origin\` of the installation, as browsers send it.`;

/** OpenAPI 3.1. Schemas come from the contracts' own rules. */
export const openApiDocument = (app: INestApplication): OpenAPIObject => {
  const settings = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Muster')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/', 'The installation that serves this document')
    .addSecurity('apiKey', { type: 'apiKey', in: 'header', name: 'x-api-key' })
    .addSecurity('bearer', { type: 'http', scheme: 'bearer' })
    .addSecurity('session', { type: 'apiKey', in: 'cookie', name: PLAIN_NAME, description: SESSION })
    .build();
  const document = SwaggerModule.createDocument(app, settings, {
    operationIdFactory: (_controller, method) => method,
  });
  for (const operation of Object.values(document.paths).flatMap(
    (item) => Object.values(item) as Operation[],
  )) {
    operation.tags = operation.tags?.map(tagOf);
    addExample(operation, EXAMPLES[operation.operationId]);
  }
  const used = new Set(
    Object.values(document.paths).flatMap((item) =>
      (Object.values(item) as Operation[]).flatMap(({ tags }) => tags ?? []),
    ),
  );
  return {
    ...document,
    // One of them.
    security: [{ apiKey: [] }, { bearer: [] }, { session: [] }],
    tags: Object.entries(TAGS)
      .filter(([name]) => used.has(name))
      .map(([name, description]) => ({ name, description })),
    components: {
      ...document.components,
      schemas: { ...schemasOf(documentedShapes(), '#/components/schemas/'), Problem: PROBLEM }, // 3.1 takes JSON Schema
    },
  };
};

interface Content {
  [mediaType: string]: { example?: unknown };
}

/** As far as we look into it. */
interface Operation {
  readonly operationId: string;
  tags?: string[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

const addExample = (operation: Operation, example: Example | undefined): void => {
  if (example === undefined) return;
  if (example.request !== undefined) {
    for (const media of Object.values(operation.requestBody?.content ?? {})) media.example = example.request;
  }
  if (example.response === undefined) return;
  for (const [status, { content }] of Object.entries(operation.responses)) {
    const media = content?.['application/json'];
    if (!status.startsWith('2') || media === undefined) continue;
    media.example = status === '200' && example.preview !== undefined ? example.preview : example.response;
  }
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
