import type { RequestHandler } from 'express';
import { eventSchemaPath } from '@muster/contracts';
import { eventsAsyncApi } from '@muster/contracts/schema/events-asyncapi';
import { notAllowed } from '../http/methods.js';
import { eventSchemas } from '@muster/contracts/schema/published-events';

/** Where the AsyncAPI document of all events is. */
export const EVENTS_ASYNCAPI_PATH = '/api/v1/asyncapi-events.json';

const METHODS = ['GET', 'HEAD', 'OPTIONS'];
const KEPT_SECONDS = 3_600;

/**
 * What events look like: the schema each names in `ce-dataschema`, and the document of all. Without a key, as the OpenAPI
 * document is: they say nothing of anybody's data, and tools that read them carry no keys.
 */
export const eventDocuments = (): RequestHandler => {
  const documents = new Map<string, string>([[EVENTS_ASYNCAPI_PATH, JSON.stringify(eventsAsyncApi())]]);
  for (const [type, schema] of eventSchemas()) documents.set(eventSchemaPath(type), JSON.stringify(schema));
  return (request, response, next): void => {
    const document = documents.get(request.path);
    if (document === undefined) {
      next();
      return;
    }
    if (!METHODS.includes(request.method) || request.method === 'OPTIONS') {
      response.setHeader('allow', METHODS.join(', '));
      if (request.method === 'OPTIONS') response.status(204).end();
      else next(notAllowed(request.method, METHODS));
      return;
    }
    response.setHeader('cache-control', `public, max-age=${KEPT_SECONDS}`);
    response.type('application/json').send(document);
  };
};
