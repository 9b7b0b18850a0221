import { Anchor } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { fleetSummaryQuery } from '../devices/devices.queries.js';
import { ActButton } from '../shared/act-button.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Listed } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader, Section } from '../shared/page.js';
import { meQuery } from '../shell/session.js';
import { SingleKeys } from '../shell/single-keys.js';
import { CreateIntegration } from './integration-dialogs.js';
import { integrationsQuery, typesCountQuery } from './settings.queries.js';

/** Who outside reads events, which tenant this is, and how this browser is used. */
export const SettingsPage = () => (
  <div className="page">
    <PageHeader title="Settings" />
    <Integrations />
    <Tenant />
    <Section title="Keyboard">
      <SingleKeys />
    </Section>
  </div>
);

const Integrations = () => {
  const { cursor } = useSearch({ from: '/settings' });
  const navigate = useNavigate();
  const integrations = useQuery(integrationsQuery(cursor));
  const [creating, setCreating] = useState(false);
  return (
    <Section
      title="Integrations"
      actions={
        <ActButton needs="integration" leftSection={<PlusIcon size={14} />} onClick={() => setCreating(true)}>
          Add an integration
        </ActButton>
      }
    >
      <Listed
        query={integrations}
        cursor={cursor}
        onPage={(search) => void navigate({ to: '/settings', search })}
        nothing={
          <Nothing why="There is no integration. With one, somebody outside reads what happens here as it happens, over NATS, by one credential.">
            <ActButton needs="integration" onClick={() => setCreating(true)}>
              Add the first one
            </ActButton>
          </Nothing>
        }
        head={
          <>
            <th>Name</th>
            <th>Reads the events of</th>
            <th className="wide">Credentials from</th>
            <th className="wide">Created</th>
            <th className="wide">By</th>
          </>
        }
      >
        {({ id, name, services, credentialsAt, createdAt, createdBy }) => (
          <>
            <td className="anywhere">
              <AnchorLink to="/settings/integrations/$id" params={{ id }}>
                {name}
              </AnchorLink>
            </td>
            <td className="anywhere">{services.join(', ')}</td>
            <td className="wide">
              <Moment at={credentialsAt} />
            </td>
            <td className="wide">
              <Moment at={createdAt} />
            </td>
            <td className="wide">
              <ActorName actor={createdBy} />
            </td>
          </>
        )}
      </Listed>
      {creating && <CreateIntegration onClose={() => setCreating(false)} />}
    </Section>
  );
};

/** What the calls tell of the tenant; each caller belongs to one. */
const Tenant = () => {
  const me = useQuery(meQuery);
  const devices = useQuery(fleetSummaryQuery('')).data?.total;
  const types = useQuery(typesCountQuery).data;
  return (
    <Section title="Tenant">
      <Loaded query={me}>
        {({ tenantId }) => (
          <dl className="facts">
            <dt>Id</dt>
            <dd>{tenantId}</dd>
            <dt>Devices</dt>
            <dd>
              <AnchorLink to="/devices">{devices === undefined ? '…' : count(devices)}</AnchorLink>
            </dd>
            <dt>Device types</dt>
            <dd>{types === undefined ? '…' : count(types)}</dd>
            <dt>Described by</dt>
            <dd>
              <Anchor href="/api/v1/docs" target="_blank">
                the REST API
              </Anchor>
              ,{' '}
              <Anchor href="/api/v1/asyncapi-events.json" target="_blank">
                the events
              </Anchor>
            </dd>
          </dl>
        )}
      </Loaded>
    </Section>
  );
};
