import { AppError } from '@muster/contracts';
import { sameJson } from '@muster/contracts/same-json';
import type { IntegrationEvent } from './integration.events.js';

export type Integration =
  | { readonly status: 'none' | 'deleted' }
  | {
      readonly status: 'existing';
      readonly name: string;
      /** In order. Null: all. */
      readonly services: readonly string[] | null;
      readonly userKey: string;
    };

export type IntegrationCommand =
  | {
      readonly type: 'CreateIntegration';
      readonly name: string;
      readonly services?: readonly string[] | undefined;
      readonly from: string;
      readonly userKey: string;
      readonly at: string;
    }
  | {
      /** Absent fields stay. */
      readonly type: 'EditIntegration';
      readonly name?: string | undefined;
      /** Null: all. */
      readonly services?: readonly string[] | null | undefined;
      readonly at: string;
    }
  | { readonly type: 'RenewCredentials'; readonly userKey: string; readonly at: string }
  | { readonly type: 'DeleteIntegration'; readonly at: string };

const initial: Integration = { status: 'none' };

/**
 * Decides what a command changes. Returns no events when the command is already satisfied. Throws
 * `integration-not-found`. That names are unique, and how many there may be, is known only to the tables.
 */
const decide = (command: IntegrationCommand, integration: Integration): readonly IntegrationEvent[] => {
  switch (command.type) {
    case 'CreateIntegration': {
      if (integration.status !== 'none') return [];
      const { name, services, from, userKey, at } = command;
      const chosen = services === undefined ? {} : { services: [...services].sort() };
      return [{ type: 'IntegrationCreated', data: { name, ...chosen, from, userKey, createdAt: at } }];
    }
    case 'EditIntegration': {
      const before = existing(integration);
      const { name = before.name, at } = command;
      const services =
        command.services === undefined ? before.services : (command.services?.toSorted() ?? null);
      if (sameJson({ name, services }, { name: before.name, services: before.services })) return [];
      return [{ type: 'IntegrationEdited', data: { name, services, editedAt: at } }];
    }
    case 'RenewCredentials': {
      const { name, userKey: revoked } = existing(integration);
      if (revoked === command.userKey) return [];
      const { userKey, at: renewedAt } = command;
      return [{ type: 'CredentialsRenewed', data: { name, userKey, revoked, renewedAt } }];
    }
    case 'DeleteIntegration': {
      if (integration.status === 'deleted') return [];
      const { name, userKey: revoked } = existing(integration);
      return [{ type: 'IntegrationDeleted', data: { name, revoked, deletedAt: command.at } }];
    }
  }
};

const evolve = (integration: Integration, event: IntegrationEvent): Integration => {
  switch (event.type) {
    case 'IntegrationCreated':
      return {
        status: 'existing',
        name: event.data.name,
        services: event.data.services ?? null,
        userKey: event.data.userKey,
      };
    case 'IntegrationEdited':
      return integration.status === 'existing'
        ? { ...integration, name: event.data.name, services: event.data.services }
        : integration;
    case 'CredentialsRenewed':
      return integration.status === 'existing'
        ? { ...integration, userKey: event.data.userKey }
        : integration;
    case 'IntegrationDeleted':
      return { status: 'deleted' };
  }
};

/** The stream `integration-<id>`. */
export const integration = { name: 'integration', initial, stateVersion: 2, evolve, decide } as const;

const existing = (state: Integration): Extract<Integration, { status: 'existing' }> => {
  if (state.status !== 'existing') {
    throw new AppError('integration-not-found', 'There is no such integration.');
  }
  return state;
};
