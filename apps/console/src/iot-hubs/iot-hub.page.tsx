import { Button, Group, Menu, Text } from '@mantine/core';
import { KebabHorizontalIcon } from '@primer/octicons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { Enrols } from '../access/enrolment-rule.js';
import { answered, api, type Schema } from '../api/client.js';
import { useLive } from '../api/live.js';
import { valueText } from '../devices/filter-text.js';
import { JobProgress } from '../jobs/job-progress.js';
import { ActButton, ActItem } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Moment, OwnMoment } from '../shared/moment.js';
import { Loaded, PageHeader, Section } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { StateMark } from '../shared/state-mark.js';
import type { Versioned } from '../shared/use-edit.js';
import { Findings } from './findings.js';
import { Health } from './health.js';
import { EditHub, useTypeNames } from './hub-dialogs.js';
import { HUBS_EVERY_MS, hubQuery, type Hub } from './iot-hubs.queries.js';
import { Reconcile } from './reconcile.js';
import { Table } from '../shared/table.js';

/** Of what a route tells, in words. */
const TOLD: Readonly<Record<Schema<'HubRoute'>['source'], string>> = {
  DeviceMessages: 'what devices send',
  TwinChangeEvents: 'what devices report of themselves',
  DeviceLifecycleEvents: 'who is made and removed in the hub',
  DeviceConnectionStateEvents: 'who is connected',
};

/** One hub: whether it works and tells of everything, whom it lets in, and what it has that is not here. */
export const IotHubPage = () => {
  const { id } = useParams({ from: '/iot-hubs/$id' });
  const hub = useQuery({ ...hubQuery(id), refetchInterval: HUBS_EVERY_MS });
  return (
    <div className="page">
      <Loaded query={hub}>{(read) => <OneHub read={read} />}</Loaded>
    </div>
  );
};

const OneHub = ({ read }: { readonly read: Versioned<Hub> }) => {
  const { data: hub } = read;
  const { id, enrolment, routes, deviceTypes } = hub;
  const { job, ...filter } = useSearch({ from: '/iot-hubs/$id' });
  const navigate = useNavigate();
  const { nameOf } = useTypeNames();
  // What a reconciliation finds is read as it goes, whoever has started it.
  useLive('jobs', [['iot-hubs', id, 'findings']], undefined, 1_000);
  return (
    <>
      <Header read={read} nameOf={nameOf} />
      <dl className="facts">
        <dt>State</dt>
        <dd className="anywhere">
          <Health health={hub.health} />
          {hub.health !== undefined && hub.health.waiting > 0 && (
            <div>
              {hub.health.waiting === 1 ? '1 device waits' : `${count(hub.health.waiting)} devices wait`} to
              be made, changed or removed in it, or to be told something
            </div>
          )}
        </dd>
        <dt>Host</dt>
        <dd className="anywhere">{hub.hostName}</dd>
        <dt>Policy</dt>
        <dd>
          {hub.policy}, with the key <code>{hub.keyFingerprint}</code>{' '}
          <span className="dim">(its fingerprint: the key is shown to nobody)</span>
        </dd>
        <dt>Consumer group</dt>
        <dd>{hub.consumerGroup}</dd>
        <dt>Tier</dt>
        <dd>
          {hub.tier}, {count(hub.units)} {hub.units === 1 ? 'unit' : 'units'}{' '}
          <span className="dim">(what comes faster than it takes waits here)</span>
        </dd>
        <dt>Devices of</dt>
        <dd className="anywhere">
          {deviceTypes.length === 0 ? (
            'all types that no other hub names'
          ) : (
            <Group gap="sm">
              {deviceTypes.map((typeId) => (
                <AnchorLink
                  key={typeId}
                  to="/devices"
                  search={{ filter: `interface==iothub;deviceType==${valueText(nameOf(typeId))}` }}
                >
                  {nameOf(typeId)}
                </AnchorLink>
              ))}
            </Group>
          )}
        </dd>
        <dt>Made in the hub by others</dt>
        <dd>
          {enrolment === undefined ? (
            'are not taken: they are among what differs'
          ) : (
            <Enrols rule={{ ...enrolment, deviceType: nameOf(enrolment.deviceType) }} />
          )}
        </dd>
        <dt>Added</dt>
        <dd>
          <Moment at={hub.createdAt} /> by <ActorName actor={hub.createdBy} />
        </dd>
      </dl>
      <Check id={id} />
      {routes !== undefined && <Routes routes={routes} />}
      {job !== undefined && (
        <div style={{ marginTop: 16 }}>
          <JobProgress id={job} label="Reconciliation, of what differs" />
        </div>
      )}
      <Findings
        id={id}
        filter={filter}
        onFilter={(next) =>
          void navigate({
            to: '/iot-hubs/$id',
            params: { id },
            search: { ...(job === undefined ? {} : { job }), ...next },
            resetScroll: false,
          })
        }
      />
    </>
  );
};

const Header = ({
  read,
  nameOf,
}: {
  readonly read: Versioned<Hub>;
  readonly nameOf: (typeId: string) => string;
}) => {
  const { id, name } = read.data;
  const navigate = useNavigate();
  const [asked, setAsked] = useState<'reconcile' | 'delete'>();
  const [editing, setEditing] = useState<Versioned<Hub>>();
  const close = () => setAsked(undefined);
  return (
    <>
      <PageHeader
        title={name}
        above={
          <AnchorLink to="/iot-hubs" c="dimmed">
            IoT Hubs
          </AnchorLink>
        }
        actions={
          <>
            <ActButton needs="iot-hub" onClick={() => setAsked('reconcile')}>
              Reconcile …
            </ActButton>
            <ActButton needs="iot-hub" variant="default" onClick={() => setEditing(read)}>
              Edit …
            </ActButton>
            <Menu position="bottom-end">
              <Menu.Target>
                <Button variant="default" px={8} aria-label="More acts">
                  <KebabHorizontalIcon size={16} />
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                <ActItem needs="iot-hub" color="var(--bad)" onClick={() => setAsked('delete')}>
                  Delete …
                </ActItem>
              </Menu.Dropdown>
            </Menu>
          </>
        }
      />
      {editing !== undefined && (
        <EditHub opened={editing} nameOf={nameOf} onClose={() => setEditing(undefined)} />
      )}
      {asked === 'reconcile' && (
        <Reconcile
          hub={read.data}
          nameOf={nameOf}
          onStarted={(job) => {
            close();
            void navigate({ to: '/iot-hubs/$id', params: { id }, search: { job }, resetScroll: false });
          }}
          onClose={close}
        />
      )}
      {asked === 'delete' && (
        <ActDialog
          title={`Delete ${name}`}
          act="Delete"
          danger
          toType={name}
          refreshes={['iot-hubs', 'list']}
          run={() => answered(api.DELETE('/api/v1/iot-hubs/{id}', { params: { path: { id } } }))}
          onDone={() => void navigate({ to: '/iot-hubs' })}
          onClose={close}
        >
          <Text>
            The hub and its key are forgotten here. In the hub itself nothing changes: its devices stay
            connected there, and nothing that they say comes here any more, nor anything from here to them.
            This cannot be undone; it can be added anew with its key.
          </Text>
        </ActDialog>
      )}
    </>
  );
};

/** Asks the hub itself, now. */
const Check = ({ id }: { readonly id: string }) => {
  const queries = useQueryClient();
  const check = useMutation({
    mutationFn: () => answered(api.POST('/api/v1/iot-hubs/{id}/check', { params: { path: { id } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['iot-hubs', id, 'itself'] }),
  });
  // The answer is one of then: who comes back to this page after an hour must see that.
  const askedAt = check.submittedAt;
  return (
    <Section
      title="Does it work?"
      actions={
        <ActButton needs="iot-hub" variant="default" loading={check.isPending} onClick={() => check.mutate()}>
          Check it now
        </ActButton>
      }
    >
      <ProblemView error={check.error} />
      {check.data === undefined ? (
        <Text c="dimmed">
          {check.isPending
            ? 'The hub is asked: for its routes that may take 15 seconds.'
            : 'A check asks the hub itself: whether it answers, takes the key, and lets the policy do what is done here. It makes an identity in the hub for a moment, of which its routes must tell.'}
        </Text>
      ) : check.data.works ? (
        <Text role="status">
          <StateMark state="succeeded" word="It works." /> Asked <OwnMoment at={askedAt} />.{' '}
          {check.data.endpoint !== undefined &&
            `Its events are read at ${check.data.endpoint.eventHub}, in ${count(check.data.endpoint.partitions.length)} partitions.`}
        </Text>
      ) : (
        <div role="status">
          <Text>
            Asked <OwnMoment at={askedAt} />:
          </Text>
          <ul className="plain-list">
            {check.data.faults.map(({ about, message }) => (
              <li key={about + message} className="anywhere">
                {check.data.routes?.some(
                  (route) => route.state === 'checking' && route.message === message,
                ) === true ? (
                  // The hub was not given the time to tell: nothing is known to be wrong.
                  <StateMark state="route_checking" />
                ) : (
                  <StateMark state="failed" word={about} />
                )}{' '}
                {message}
              </li>
            ))}
          </ul>
        </div>
      )}
    </Section>
  );
};

const Routes = ({ routes }: { readonly routes: readonly Schema<'HubRoute'>[] }) => (
  <Section title="What it tells by its routes">
    <Table
      head={
        <>
          <th>Route</th>
          <th>State</th>
          <th className="wide">Last told</th>
          <th className="wide">Why</th>
        </>
      }
    >
      {routes.map(({ source, state, seenAt, message }) => (
        <tr key={source}>
          <td className="anywhere">
            {TOLD[source]} <div className="dim">{source}</div>
          </td>
          <td>
            <StateMark state={`route_${state}`} />
          </td>
          <td className="wide">
            <Moment at={seenAt} />
          </td>
          <td className="anywhere wide">{message}</td>
        </tr>
      ))}
    </Table>
  </Section>
);
