import { expect, it } from '@jest/globals';
import { integration } from './integration.decider.js';
import type { IntegrationEvent } from './integration.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"IntegrationCreated","data":{"name":"billing","services":["telemetry"],"from":"now","userKey":"U1","createdAt":"2026-01-01T00:00:00.000Z"}}
{"type":"IntegrationEdited","data":{"name":"invoices","services":["configuration"],"editedAt":"2026-01-01T12:00:00.000Z"}}
{"type":"CredentialsRenewed","data":{"name":"billing","userKey":"U2","revoked":"U1","renewedAt":"2026-01-02T00:00:00.000Z"}}
{"type":"IntegrationDeleted","data":{"name":"billing","revoked":"U2","deletedAt":"2026-01-03T00:00:00.000Z"}}
`;

it('stored events of integrations are still read', () => {
  const events = stored
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as IntegrationEvent);
  expect(events.slice(0, 3).reduce(integration.evolve, integration.initial)).toEqual({
    status: 'existing',
    name: 'invoices',
    services: ['configuration'],
    userKey: 'U2',
  });
  expect(events.reduce(integration.evolve, integration.initial)).toEqual({ status: 'deleted' });
});
