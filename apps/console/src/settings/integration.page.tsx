import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, PageHeader, Section } from '../shared/page.js';
import { EditIntegration, RenewCredentials } from './integration-dialogs.js';
import { integrationQuery, type IntegrationState } from './settings.queries.js';
import { Table } from '../shared/table.js';

/** What an integration reads, and how far it is behind. */
export const IntegrationPage = () => {
  const { id } = useParams({ from: '/settings/integrations/$id' });
  // No event tells how far somebody outside has read.
  const integration = useQuery({ ...integrationQuery(id), refetchInterval: 10_000 });
  return (
    <div className="page">
      <Loaded query={integration}>
        {({ data, etag }) => (
          <>
            <Header integration={data} etag={etag} />
            <dl className="facts">
              <dt>Reads what happened</dt>
              <dd>
                {data.from === 'now' ? (
                  'since it was added'
                ) : data.from === 'beginning' ? (
                  'before it was added too, as far back as the streams held it'
                ) : (
                  <>
                    since <Moment at={data.from} clock />
                  </>
                )}
              </dd>
              <dt>Created</dt>
              <dd>
                <Moment at={data.createdAt} /> by <ActorName actor={data.createdBy} />
              </dd>
              <dt>Credentials</dt>
              <dd>
                issued <Moment at={data.credentialsAt} />, and shown then only. The command that connects is
                shown with them.
              </dd>
            </dl>
            <Section title="What it reads">
              <Table
                isCards
                head={
                  <>
                    <th>Service</th>
                    <th className="right">Waiting</th>
                    <th className="right">In hand</th>
                    <th>Acknowledged</th>
                    <th className="wide">Stream and consumer</th>
                  </>
                }
              >
                {data.consumers.map(
                  ({ service, stream, consumer, waiting, unacknowledged, lastAcknowledgedAt }) => (
                    <tr key={consumer + service}>
                      <td>{service}</td>
                      <td className="right">{known(waiting)}</td>
                      <td className="right">{known(unacknowledged)}</td>
                      <td>
                        <Moment at={lastAcknowledgedAt} />
                      </td>
                      <td className="value wide">
                        {stream} {consumer}
                      </td>
                    </tr>
                  ),
                )}
              </Table>
              <Text c="dimmed" mt="sm">
                Waiting: events that it has not fetched. In hand: fetched and not acknowledged; after a minute
                they are given out again. What it misses for longer than a stream keeps it is gone.
              </Text>
            </Section>
          </>
        )}
      </Loaded>
    </div>
  );
};

const known = (events: number | null): string => (events === null ? 'not known' : count(events));

const Header = ({ integration, etag }: { readonly integration: IntegrationState; readonly etag: string }) => {
  const { id, name } = integration;
  const navigate = useNavigate();
  const [asked, setAsked] = useState<'edit' | 'renew' | 'delete'>();
  const close = () => setAsked(undefined);
  return (
    <>
      <PageHeader
        title={name}
        above={
          <AnchorLink to="/settings" c="dimmed">
            Settings
          </AnchorLink>
        }
        actions={
          <>
            <ActButton needs="integration" variant="default" onClick={() => setAsked('edit')}>
              Edit …
            </ActButton>
            <ActButton needs="integration" variant="default" onClick={() => setAsked('renew')}>
              New credentials …
            </ActButton>
            <ActButton needs="integration" variant="default" onClick={() => setAsked('delete')}>
              Delete …
            </ActButton>
          </>
        }
      />
      {asked === 'edit' && <EditIntegration integration={integration} etag={etag} onClose={close} />}
      {asked === 'renew' && <RenewCredentials integration={integration} onClose={close} />}
      {asked === 'delete' && (
        <ActDialog
          title={`Delete ${name}`}
          act="Delete"
          danger
          toType={name}
          refreshes={['integrations', 'list']}
          run={() => answered(api.DELETE('/api/v1/integrations/{id}', { params: { path: { id } } }))}
          onDone={() => void navigate({ to: '/settings' })}
          onClose={close}
        >
          <Text>
            Its connections are closed at once, and where it was in the events is forgotten. This cannot be
            undone.
          </Text>
        </ActDialog>
      )}
    </>
  );
};
