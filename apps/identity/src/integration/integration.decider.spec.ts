import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { integration, type Integration, type IntegrationCommand } from './integration.decider.js';
import type { IntegrationEvent } from './integration.events.js';

const { given } = scenario<Integration, IntegrationCommand, IntegrationEvent>(integration);
const at = '2026-01-01T00:00:00.000Z';
const create: IntegrationCommand = {
  type: 'CreateIntegration',
  name: 'billing',
  services: ['telemetry', 'configuration'],
  from: 'now',
  userKey: 'U1',
  at,
};
const created: IntegrationEvent = {
  type: 'IntegrationCreated',
  data: {
    name: 'billing',
    services: ['configuration', 'telemetry'],
    from: 'now',
    userKey: 'U1',
    createdAt: at,
  },
};
const renewed: IntegrationEvent = {
  type: 'CredentialsRenewed',
  data: { name: 'billing', userKey: 'U2', revoked: 'U1', renewedAt: at },
};
const deleted: IntegrationEvent = {
  type: 'IntegrationDeleted',
  data: { name: 'billing', revoked: 'U2', deletedAt: at },
};

describe('CreateIntegration', () => {
  it('creates it, once', () => {
    given([]).when(create).then([created]);
    given([created]).when(create).then([]);
  });
});

describe('EditIntegration', () => {
  const edited = (name: string, services: readonly string[] | null): IntegrationEvent => ({
    type: 'IntegrationEdited',
    data: { name, services, editedAt: at },
  });

  it('renames it, and the services stay', () => {
    const rename: IntegrationCommand = { type: 'EditIntegration', name: 'invoices', at };
    const renamedOne = edited('invoices', ['configuration', 'telemetry']);
    given([created]).when(rename).then([renamedOne]);
    given([created, renamedOne]).when(rename).then([]);
  });

  it('chooses other services, in any order, or all', () => {
    const choose = (services: readonly string[] | null): IntegrationCommand => ({
      type: 'EditIntegration',
      services,
      at,
    });
    given([created])
      .when(choose(['telemetry', 'commands']))
      .then([edited('billing', ['commands', 'telemetry'])]);
    given([created])
      .when(choose(['telemetry', 'configuration']))
      .then([]);
    given([created])
      .when(choose(null))
      .then([edited('billing', null)]);
    given([created, edited('billing', null)])
      .when(choose(null))
      .then([]);
  });

  it('leaves the credentials as they are', () => {
    given([created, edited('invoices', null)])
      .when({ type: 'RenewCredentials', userKey: 'U1', at })
      .then([]);
  });

  it('is refused for one that is deleted or never was', () => {
    const rename: IntegrationCommand = { type: 'EditIntegration', name: 'invoices', at };
    given([]).when(rename).thenThrows('integration-not-found');
    given([created, deleted]).when(rename).thenThrows('integration-not-found');
  });
});

describe('RenewCredentials', () => {
  const renew: IntegrationCommand = { type: 'RenewCredentials', userKey: 'U2', at };

  it('revokes the ones before', () => {
    given([created]).when(renew).then([renewed]);
    given([created, renewed]).when(renew).then([]);
  });

  it('is refused for one that is deleted or never was', () => {
    given([]).when(renew).thenThrows('integration-not-found');
    given([created, renewed, deleted]).when(renew).thenThrows('integration-not-found');
  });
});

describe('DeleteIntegration', () => {
  const remove: IntegrationCommand = { type: 'DeleteIntegration', at };

  it('revokes the credentials in use, once', () => {
    given([created, renewed]).when(remove).then([deleted]);
    given([created, renewed, deleted]).when(remove).then([]);
  });

  it('is refused for one that never was', () => {
    given([]).when(remove).thenThrows('integration-not-found');
  });
});
