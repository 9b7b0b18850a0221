import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId, type Done } from '@muster/contracts';
import {
  createIntegration,
  deleteIntegration,
  editIntegration,
  getIntegration,
  listIntegrations,
  renewIntegrationCredentials,
  type CreateIntegration,
  type DeleteIntegration,
  type EditIntegration,
  type IntegrationAccess,
  type IntegrationPage,
  type IntegrationRef,
  type IntegrationState,
  type IntegrationView,
  type ListIntegrations,
  type RenewIntegrationCredentials,
} from '@muster/contracts/identity/requests';
import { liveSubject } from '@muster/contracts/schema/published-events';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { Handles, type StartAt } from '@muster/messaging';
import { INTEGRATORS_API } from '@muster/nats-accounts';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import { RULES } from '../providers.js';
import { integration } from './integration.decider.js';
import {
  countIntegrations,
  findIntegration,
  listByName,
  type StoredIntegration,
} from './integrations.projection.js';
import { inboxPrefixOf } from './names.js';
import { Readers, requireKnownServices } from './readers.js';
import { IntegratorsAccounts } from './integrators-accounts.js';

export interface Rules {
  /** As integrators reach it. */
  readonly natsUrl: string;
  readonly maxIntegrations: number;
}

@Controller()
export class IntegrationHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(IntegratorsAccounts) private readonly accounts: IntegratorsAccounts,
    @Inject(Readers) private readonly readers: Readers,
    @Inject(RULES) private readonly rules: Rules,
  ) {}

  /** NATS is told before the commit: whoever is answered `unavailable` finds nothing made, and can just repeat. */
  @Handles(createIntegration)
  async create(request: CreateIntegration): Promise<IntegrationAccess> {
    const { tenantId, actor, idempotencyKey } = request;
    const { name } = request.integration;
    // Null in an optional field passes the contract's rules and means the same as absent.
    const services = request.integration.services ?? undefined;
    const from = request.integration.from ?? 'now';
    requireKnownServices('integration', services);
    const startAt = startOf(from);
    this.accounts.requireKeys();
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: createIntegration.subject, request },
      run: async (tx) => {
        const id = newId();
        const { credentials, userKey } = await this.accounts.issue(tx, { tenantId, id, name });
        await this.store.execute(integration, {
          tenantId,
          id,
          metadata: { actor },
          within: tx,
          command: {
            type: 'CreateIntegration',
            name,
            services,
            from,
            userKey,
            at: new Date().toISOString(),
          },
        });
        if ((await countIntegrations(tx, tenantId)) > this.rules.maxIntegrations) {
          throw new AppError(
            'integration-limit-reached',
            `There are ${this.rules.maxIntegrations} integrations; delete one first.`,
          );
        }
        const created = await findIntegration(tx, tenantId, id);
        await this.accounts.apply(tx, tenantId, id);
        await this.readers.begin(tx, created, startAt);
        return this.accessOf(created, credentials);
      },
      kept: withoutCredentials,
    });
  }

  @Handles(listIntegrations)
  async list({ tenantId, limit: wanted, cursor, count }: ListIntegrations): Promise<IntegrationPage> {
    const limit = wanted ?? DEFAULT_PAGE;
    const [after] = decodeCursor('integrations', cursor, [TEXT]) ?? [];
    const found = await listByName(this.database, tenantId, after, limit + 1);
    const page = pageBy('integrations', found, limit, ({ name }) => [name]);
    return {
      ...page,
      items: page.items.map((one) => this.viewOf(one)),
      ...(count === true ? { total: await countIntegrations(this.database, tenantId) } : {}),
    };
  }

  @Handles(getIntegration)
  async get({ tenantId, integrationId }: IntegrationRef): Promise<IntegrationState> {
    const found = await findIntegration(this.database, tenantId, integrationId);
    return { ...this.viewOf(found), consumers: await this.readers.statesOf(found) };
  }

  @Handles(editIntegration)
  async edit(request: EditIntegration): Promise<IntegrationView> {
    const { tenantId, actor, expectedVersion, integrationId: id } = request;
    const { name, services } = request.edit;
    requireKnownServices('edit', services ?? undefined);
    const edited = await this.database.transaction(async (tx) => {
      await this.store.execute(integration, {
        tenantId,
        id,
        metadata: { actor },
        expectedVersion,
        within: tx,
        command: { type: 'EditIntegration', name, services, at: new Date().toISOString() },
      });
      const found = await findIntegration(tx, tenantId, id);
      await this.readers.change(tx, found);
      return found;
    });
    await this.readers.leave(edited);
    return this.viewOf(edited);
  }

  @Handles(renewIntegrationCredentials)
  async renew(request: RenewIntegrationCredentials): Promise<IntegrationAccess> {
    const { tenantId, actor, integrationId: id, idempotencyKey } = request;
    this.accounts.requireKeys();
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: renewIntegrationCredentials.subject, request },
      run: async (tx) => {
        const { name } = await findIntegration(tx, tenantId, id);
        const { credentials, userKey } = await this.accounts.issue(tx, { tenantId, id, name });
        await this.store.execute(integration, {
          tenantId,
          id,
          metadata: { actor },
          within: tx,
          command: { type: 'RenewCredentials', userKey, at: new Date().toISOString() },
        });
        await this.accounts.apply(tx, tenantId, id);
        return this.accessOf(await findIntegration(tx, tenantId, id), credentials);
      },
      kept: withoutCredentials,
    });
  }

  /** Decided first: what is deleted stays so, and NATS is told until it knows, here or by `tend`. */
  @Handles(deleteIntegration)
  async delete({ tenantId, actor, integrationId: id }: DeleteIntegration): Promise<Done> {
    await this.store.execute(integration, {
      tenantId,
      id,
      metadata: { actor },
      command: { type: 'DeleteIntegration', at: new Date().toISOString() },
    });
    await this.database.transaction((tx) => this.accounts.apply(tx, tenantId, id));
    await this.readers.leave({ tenantId, id, services: [] });
    return {};
  }

  private viewOf({ tenantId, ...stored }: StoredIntegration): IntegrationView {
    const services = this.readers.consumersOf({ tenantId, ...stored }).map(({ service }) => service);
    return { ...stored, services };
  }

  private accessOf(stored: StoredIntegration, credentials: string): IntegrationAccess {
    const { tenantId, id, name, version } = stored;
    return {
      id,
      name,
      tenant: tenantId,
      natsUrl: this.rules.natsUrl,
      credentials,
      inboxPrefix: inboxPrefixOf(id),
      apiPrefix: INTEGRATORS_API,
      consumers: this.readers.consumersOf(stored),
      liveSubject: liveSubject(tenantId),
      version,
    };
  }
}

const withoutCredentials = (access: IntegrationAccess): IntegrationAccess => ({
  ...access,
  credentials: undefined,
});

const startOf = (from: string): StartAt => {
  if (from === 'now' || from === 'beginning') return { kind: from };
  return { kind: 'time', time: new Date(from).toISOString() };
};
