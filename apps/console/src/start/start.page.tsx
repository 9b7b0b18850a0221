import { Text } from '@mantine/core';
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { useLive, usePolling } from '../api/live.js';
import { problemOf } from '../api/problem.js';
import { CONNECTION_FILTERS, connectionsOf } from '../devices/connection-filter.js';
import { valueText } from '../devices/filter-text.js';
import { fleetSummaryQuery } from '../devices/devices.queries.js';
import { Health } from '../iot-hubs/health.js';
import { hubsQuery, type Hub } from '../iot-hubs/iot-hubs.queries.js';
import { jobsQuery } from '../jobs/jobs.queries.js';
import { DRY_RUN, kindName } from '../jobs/kinds.js';
import { isOfCampaign } from '../jobs/outcome.js';
import { openParkedQuery } from '../parked/parked.queries.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Moment, OwnMoment, useNow } from '../shared/moment.js';
import { MOST } from '../shared/most.js';
import { Loaded, PageHeader, Section } from '../shared/page.js';
import { StateMark, syncState } from '../shared/state-mark.js';
import { StateAge } from '../devices/state-age.js';
import { Table } from '../shared/table.js';

/** A job that failed longer ago is no news. */
const RECENT_MS = 86_400_000;
/** Dry runs and parts of other jobs are among them, and are left out. */
const MOST_JOBS = 100;

/** What needs a human first, then how the fleet is. */
export const StartPage = () => {
  const poll = usePolling();
  const now = useNow();
  const summary = useQuery({ ...fleetSummaryQuery(''), refetchInterval: poll === false ? 15_000 : poll });
  const jobs = useQuery({ ...jobsQuery('failed', undefined, MOST_JOBS), refetchInterval: poll });
  const campaigns = useQuery({
    queryKey: ['campaigns', 'open'],
    queryFn: async ({ signal }) => {
      const read = (status: 'running' | 'paused' | 'draft') =>
        answered(api.GET('/api/v1/campaigns', { params: { query: { status, limit: MOST } }, signal }));
      const [running, paused, drafts] = await Promise.all([read('running'), read('paused'), read('draft')]);
      return [...paused.items, ...running.items, ...drafts.items];
    },
    refetchInterval: poll === false ? 10_000 : poll,
  });
  const waiting = useQuery({
    ...fleetSummaryQuery('status==pending'),
    refetchInterval: 30_000,
  });
  const parked = useQuery(openParkedQuery);
  const hubs = useQuery({ ...hubsQuery(), refetchInterval: 30_000 });
  const reads = [
    { of: 'campaigns', query: campaigns },
    { of: 'jobs', query: jobs },
    { of: 'the states of devices', query: summary },
    { of: 'devices that wait for an approval', query: waiting },
    { of: 'parked messages', query: parked },
    { of: 'IoT Hubs', query: hubs },
  ];
  useLive('fleet', [['devices', 'summary']], undefined, 2_000);
  useLive(
    'jobs',
    [
      ['jobs', 'list'],
      ['campaigns', 'open'],
    ],
    undefined,
    2_000,
  );
  return (
    <div className="page">
      <PageHeader title="Start" />
      <Section title="Needs a human">
        <Needs
          campaigns={campaigns.data ?? []}
          jobs={(jobs.data?.items ?? []).filter(
            ({ kind, parent, endedAt }) =>
              kind !== DRY_RUN &&
              parent === undefined &&
              endedAt !== undefined &&
              Date.parse(endedAt) > now - RECENT_MS,
          )}
          rejected={summary.data?.syncStates.rejected ?? 0}
          pendingDevices={waiting.data?.total ?? 0}
          parked={parked.data ?? 0}
          hubs={(hubs.data?.items ?? []).filter(({ health }) => isFaulty(health))}
          looking={reads.some(({ query }) => query.isPending)}
          unread={reads.some(({ query }) => query.isError)}
        />
        <Unread reads={reads.filter(({ query }) => query.isError)} />
      </Section>
      <Loaded query={summary}>{(fleet) => <Fleet fleet={fleet} />}</Loaded>
      {hubs.data !== undefined && hubs.data.items.length > 0 && <Hubs {...hubs.data} />}
    </div>
  );
};

/** Of what is not known whether it needs somebody, and why: an empty list above must not be taken for a quiet night. */
const Unread = ({
  reads,
}: {
  readonly reads: readonly { readonly of: string; readonly query: UseQueryResult }[];
}) => {
  const [first] = reads;
  if (first === undefined) return null;
  const read = reads.map(({ query }) => query.dataUpdatedAt).filter((at) => at > 0);
  return (
    <Text mt="xs" className="anywhere" role="status">
      <StateMark state="unknown" word={`Not known now: ${reads.map(({ of }) => of).join(', ')}.`} />{' '}
      {problemOf(first.query.error).detail}
      {read.length > 0 && (
        <>
          {' '}
          What is said of it is of <OwnMoment at={Math.min(...read)} />.
        </>
      )}
    </Text>
  );
};

const Needs = ({
  campaigns,
  jobs,
  rejected,
  pendingDevices,
  parked,
  hubs,
  looking,
  unread,
}: {
  readonly campaigns: readonly Schema<'CampaignView'>[];
  readonly jobs: readonly Schema<'JobView'>[];
  readonly rejected: number;
  readonly pendingDevices: number;
  readonly parked: number;
  /** Those that somebody has to look after. */
  readonly hubs: readonly Hub[];
  /** Not everything was answered yet. */
  readonly looking: boolean;
  /** Something was not answered, so that it is not known that nothing waits. */
  readonly unread: boolean;
}) => {
  const now = useNow();
  const lines: ReactNode[] = [
    ...campaigns
      .filter(({ status, phase }) => status === 'paused' || phase === 'awaiting_operator')
      .map(({ id, name, status, phaseDetail, pause, phaseSince }) => (
        <li key={id}>
          <StateMark state={status === 'paused' ? 'paused' : 'waiting'} />
          <span className="anywhere">
            <CampaignLink id={id} name={name} />{' '}
            {status === 'paused'
              ? (pause?.detail ?? 'is paused')
              : (phaseDetail ?? 'waits for its next batch to be released')}{' '}
            <span className="dim">
              <Moment at={pause?.at ?? phaseSince} fallback="" />
            </span>
          </span>
        </li>
      )),
    // One that was to launch itself at night is a draft again, and nobody was there to be told.
    ...campaigns.flatMap(({ id, name, status, launchError }) =>
      status === 'draft' && launchError !== undefined && Date.parse(launchError.at) > now - RECENT_MS
        ? [
            <li key={id}>
              <StateMark state="failed" word="not launched" />
              <span className="anywhere">
                <CampaignLink id={id} name={name} /> {launchError.detail}{' '}
                <span className="dim">
                  <Moment at={launchError.at} />
                </span>
              </span>
            </li>,
          ]
        : [],
    ),
    ...hubs.map(({ id, name, health }) => (
      <li key={id}>
        <StateMark state={`hub_${health?.state ?? 'unknown'}`} />
        <span className="anywhere">
          IoT Hub{' '}
          <AnchorLink to="/iot-hubs/$id" params={{ id }}>
            {name}
          </AnchorLink>
          : {health?.message}{' '}
          <span className="dim">
            <Moment at={health?.since} fallback="" />
          </span>
        </span>
      </li>
    )),
    ...(pendingDevices > 0
      ? [
          <li key="pending">
            <StateMark state="awaits_approval" word="approve" />
            <AnchorLink to="/devices" search={{ filter: 'status==pending' }}>
              {count(pendingDevices)} {pendingDevices === 1 ? 'device waits' : 'devices wait'} for an approval
            </AnchorLink>
          </li>,
        ]
      : []),
    ...(rejected > 0
      ? [
          <li key="rejected">
            <StateMark state="rejected" />
            <AnchorLink to="/devices" search={{ filter: 'syncState==rejected' }}>
              {count(rejected)} {rejected === 1 ? 'device refuses its' : 'devices refuse their'} configuration
            </AnchorLink>
          </li>,
        ]
      : []),
    ...(parked > 0
      ? [
          <li key="parked">
            <StateMark state="undecided" word="parked" />
            <AnchorLink to="/parked">
              {count(parked)} {parked === 1 ? 'message' : 'messages'} could not be processed
            </AnchorLink>
          </li>,
        ]
      : []),
    ...jobs.map(({ id, kind, failed, total, endedAt, reason }) => (
      <li key={id}>
        <StateMark state="failed" />
        <span className="anywhere">
          <AnchorLink to="/jobs/$id" params={{ id }}>
            {kindName(kind)}
          </AnchorLink>{' '}
          {reason?.detail ??
            (isOfCampaign({ kind })
              ? 'failed for devices: its campaign says for which'
              : `failed for ${count(failed)} of ${total === null ? '?' : count(total)}`)}{' '}
          <span className="dim">
            <Moment at={endedAt} />
          </span>
        </span>
      </li>
    )),
  ];
  if (looking) return <Text c="dimmed">Looking …</Text>;
  if (lines.length === 0) {
    if (unread) return null;
    return (
      <Text>
        <StateMark state="succeeded" word="Nothing waits for you." />
      </Text>
    );
  }
  return <ul className="timeline needs">{lines}</ul>;
};

/** At its limit a hub needs nobody: what waits has its turn. */
const isFaulty = (health: Hub['health']): boolean =>
  health !== undefined && ['away', 'refusing', 'incomplete'].includes(health.state);

const Hubs = ({ items, nextCursor }: Schema<'HubPage'>) => (
  <Section title="IoT Hubs">
    <Table
      head={
        <>
          <th>Name</th>
          <th>State</th>
          <th className="right">Devices wait</th>
        </>
      }
    >
      {items.map(({ id, name, health }) => (
        <tr key={id}>
          <td className="anywhere">
            <AnchorLink to="/iot-hubs/$id" params={{ id }}>
              {name}
            </AnchorLink>
          </td>
          <td className="anywhere">
            <Health health={health} />
          </td>
          <td className="right">{health === undefined ? '' : count(health.waiting)}</td>
        </tr>
      ))}
    </Table>
    {nextCursor !== null && <AnchorLink to="/iot-hubs">all hubs</AnchorLink>}
  </Section>
);

const CampaignLink = ({ id, name }: { readonly id: string; readonly name: string }) => (
  <AnchorLink to="/campaigns/$id" params={{ id }}>
    {name}
  </AnchorLink>
);

const Fleet = ({ fleet }: { readonly fleet: Schema<'FleetSummary'> }) => {
  const { syncStates, deviceTypes, software, total } = fleet;
  return (
    <>
      <Section title={`${count(total)} devices`}>
        <StateAge {...fleet} />
        <div className="counters">
          {connectionsOf(fleet).map(([state, devices]) => (
            <Tile key={state} devices={devices} state={state} filter={CONNECTION_FILTERS[state]} />
          ))}
        </div>
        <div className="counters">
          {Object.entries(syncStates).map(([state, devices]) => (
            <Tile key={state} devices={devices} state={syncState(state)} filter={`syncState==${state}`} />
          ))}
        </div>
      </Section>
      <div className="columns">
        <Section title="By type">
          <Counts
            rows={deviceTypes.map(({ name, devices }) => ({
              name,
              devices,
              filter: `deviceType==${valueText(name)}`,
            }))}
            nothing="There are no devices yet."
          />
        </Section>
        <Section title="By software">
          <Counts
            rows={software.map(({ software: kind, version, devices }) => ({
              name: `${kind} ${version}`,
              devices,
              filter: `software.${kind}==${valueText(version)}`,
            }))}
            nothing="No device has said what it runs."
          />
        </Section>
      </div>
    </>
  );
};

const Tile = ({
  devices,
  state,
  filter,
}: {
  readonly devices: number;
  readonly state: string;
  readonly filter: string;
}) => (
  <Link to="/devices" search={{ filter }} className="counter" title={filter}>
    <b>{count(devices)}</b> <StateMark state={state} quiet={devices === 0} />
  </Link>
);

const Counts = ({
  rows,
  nothing,
}: {
  readonly rows: readonly { readonly name: string; readonly devices: number; readonly filter: string }[];
  readonly nothing: string;
}) =>
  rows.length === 0 ? (
    <Text c="dimmed">{nothing}</Text>
  ) : (
    <Table>
      {rows.map(({ name, devices, filter }) => (
        <tr key={name}>
          <td className="anywhere">
            <AnchorLink to="/devices" search={{ filter }}>
              {name}
            </AnchorLink>
          </td>
          <td className="right">{count(devices)}</td>
        </tr>
      ))}
    </Table>
  );
