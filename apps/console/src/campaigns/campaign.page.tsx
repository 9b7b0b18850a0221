import { Group, Text } from '@mantine/core';
import { usePrefetchQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useLive, usePolling } from '../api/live.js';
import { announce } from '../shared/announce.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count, duration } from '../shared/format.js';
import { Loaded, PageHeader, Section } from '../shared/page.js';
import { StateMark, stateOf } from '../shared/state-mark.js';
import { SecretKeys } from '../types/secret-keys.js';
import { ReportedValues } from '../supervisions/reported-values.js';
import { AdoptionBar, WrittenBar } from './bars.js';
import { Batches } from './batches.js';
import { CampaignActs } from './campaign-acts.js';
import {
  campaignQuery,
  statisticsQuery,
  TARGET_STATUSES,
  targetsQuery,
  type Campaign,
  type Statistics,
  type TargetFilter,
  type TargetStatus,
} from './campaigns.queries.js';
import { Course } from './course.js';
import { Definition } from './definition.js';
import { Failures } from './failures.js';
import { CampaignHistory } from './history.js';
import { noLonger, ofStatus, plannedNow, ratePerMinute, secondsLeft, waitsForRelease } from './numbers.js';
import { SilentDevices } from './silent.js';
import { Standing } from './standing.js';
import { Targets } from './targets.js';

/** One campaign, live: what the job has written and which devices are as they should be, never as one number. */
export const CampaignPage = () => {
  const { id } = useParams({ from: '/campaigns/$id' });
  const search = useSearch({ from: '/campaigns/$id' });
  const navigate = useNavigate();
  const poll = usePolling();
  // All at once, though only a launched campaign has them: one after the other they take three times as long.
  usePrefetchQuery(statisticsQuery(id));
  usePrefetchQuery(targetsQuery(id, search, undefined));
  const campaign = useQuery({ ...campaignQuery(id), refetchInterval: poll });
  const launched = campaign.data?.data.launchedAt !== undefined;
  const statistics = useQuery({ ...statisticsQuery(id), enabled: launched, refetchInterval: poll });
  const supervisionId = campaign.data?.data.supervisionId;
  useLive(`campaign.${id}`, [['campaign', id]], ({ type }) => {
    // Both come all the time while it is written.
    if (type === 'campaign-targets.changed')
      return [
        ['campaign', id, 'statistics'],
        ['campaign', id, 'targets'],
      ];
    return type === 'campaign-phase.changed' ? [['campaign', id, 'itself']] : true;
  });
  useLive(
    supervisionId === null || supervisionId === undefined ? undefined : `supervision.${supervisionId}`,
    [['campaign', id, 'statistics']],
  );
  useMilestones(campaign.data?.data);
  const go = (next: TargetFilter) =>
    void navigate({ to: '/campaigns/$id', params: { id }, search: next, resetScroll: false });
  const bySelf = search.status;
  return (
    <div className="page">
      <Loaded query={campaign}>
        {({ data, etag }) => (
          <SecretKeys deviceType={data.deviceType}>
            <PageHeader
              title={data.name}
              above={
                <AnchorLink to="/campaigns" c="dimmed">
                  Campaigns
                </AnchorLink>
              }
              beside={
                <>
                  {waitsForRelease(data) ? (
                    <StateMark state="waiting" word="waits for release" />
                  ) : (
                    <StateMark state={data.status} />
                  )}
                  {data.outcome !== null && <StateMark state={data.outcome} />}
                </>
              }
              actions={<CampaignActs campaign={data} etag={etag} statistics={statistics.data} />}
            />
            <Standing campaign={data} />
            {data.outcome === 'succeeded' &&
              supervisionId != null &&
              (statistics.data?.adoption.invalid ?? 0) > 0 && (
                <Text className="state-bad">
                  <AnchorLink
                    to="/supervisions/$id"
                    params={{ id: supervisionId }}
                    search={{ verdict: 'invalid' }}
                    c="inherit"
                  >
                    {noLonger(statistics.data?.adoption.invalid ?? 0)}
                  </AnchorLink>
                  .
                </Text>
              )}
            {data.description !== undefined && (
              <Text c="dimmed" className="anywhere">
                {data.description}
              </Text>
            )}
            {launched && (
              <Loaded query={statistics}>
                {(numbers) => (
                  <Numbers
                    campaign={data}
                    statistics={numbers}
                    status={bySelf}
                    onStatus={(status) =>
                      // A reason belongs to its state.
                      go({ batch: search.batch, status: status === bySelf ? undefined : status })
                    }
                  />
                )}
              </Loaded>
            )}
            <Section title="Batches">
              <Batches
                campaign={data}
                statistics={statistics.data}
                chosen={search.batch}
                onChoose={(batch) => go({ ...search, batch })}
              />
            </Section>
            {launched && statistics.data !== undefined && (
              <>
                <Course campaign={data} statistics={statistics.data} />
                <div className="columns">
                  <Failures id={id} failures={statistics.data.failures} />
                  <SilentDevices id={id} statistics={statistics.data} />
                </div>
                {supervisionId != null && (
                  <Section title="What devices report">
                    <ReportedValues
                      supervisionId={supervisionId}
                      verdicts={statistics.data.adoption}
                      filter={data.target.filter}
                    />
                  </Section>
                )}
              </>
            )}
            {/* Also where its numbers cannot be had; before they have come, it would move down with them. */}
            {launched && !statistics.isPending && (
              <div id="devices">
                <Section title="Devices">
                  <Targets campaign={data} filter={search} onFilter={go} />
                </Section>
              </div>
            )}
            <div className="columns">
              <Section title={launched ? 'What was launched' : 'The draft'}>
                <Definition campaign={data} />
              </Section>
              <Section title="What happened">
                <CampaignHistory campaign={data} />
              </Section>
            </div>
            {supervisionId !== null && supervisionId !== undefined && (
              <Text mt="md">
                <AnchorLink to="/supervisions/$id" params={{ id: supervisionId }}>
                  Its supervision: device by device, desired, delivered and reported
                </AnchorLink>
              </Text>
            )}
            {data.jobId !== null && (
              <Text mt="md">
                <AnchorLink to="/jobs/$id" params={{ id: data.jobId }}>
                  Its job
                </AnchorLink>
              </Text>
            )}
          </SecretKeys>
        )}
      </Loaded>
    </div>
  );
};

/** Milestones for who listens: another state, not each number. */
const useMilestones = (campaign: Campaign | undefined): void => {
  const before = useRef<string>(undefined);
  const now =
    campaign === undefined
      ? undefined
      : `${campaign.name}: ${stateOf(campaign.outcome ?? campaign.status).word}`;
  useEffect(() => {
    if (before.current !== undefined && now !== undefined && before.current !== now) announce(now);
    before.current = now;
  }, [now]);
};

const Numbers = ({
  campaign,
  statistics,
  status,
  onStatus,
}: {
  readonly campaign: Campaign;
  readonly statistics: Statistics;
  readonly status: TargetStatus | undefined;
  readonly onStatus: (status: TargetStatus) => void;
}) => {
  const rate = ratePerMinute(statistics.points);
  const left = secondsLeft(campaign, statistics);
  const open = campaign.status === 'running' || campaign.status === 'paused';
  const writing = campaign.status === 'running' && campaign.phase === 'dispatching';
  const { timeToApply, inFlight, late, targets } = statistics;
  return (
    <>
      <div className="columns">
        <Section title={`Written by the job, of ${count(targets)}`}>
          <WrittenBar statistics={statistics} />
        </Section>
        <Section title={`As they should be, of ${count(targets)}`}>
          <AdoptionBar statistics={statistics} supervisionId={campaign.supervisionId} />
        </Section>
      </div>
      <div className="counters" style={{ marginTop: 14 }}>
        {TARGET_STATUSES.filter((one) => ofStatus(statistics.byStatus, one) > 0).map((one) => (
          <button
            type="button"
            key={one}
            className="counter"
            aria-pressed={one === status}
            title={stateOf(one).means ?? 'Only these devices'}
            onClick={() => onStatus(one)}
          >
            <b>{count(ofStatus(statistics.byStatus, one))}</b> <StateMark state={one} />
          </button>
        ))}
      </div>
      <Group gap="lg" c="dimmed">
        <span>
          {writing
            ? rate === undefined
              ? `Writes at most ${count(campaign.ratePerMinute)} a minute`
              : `Writes ${count(Math.round(rate))} a minute, at most ${count(campaign.ratePerMinute)}`
            : open
              ? `Writes nothing at this moment; at most ${count(campaign.ratePerMinute)} a minute`
              : `Wrote at most ${count(campaign.ratePerMinute)} a minute`}
        </span>
        <span>
          In flight {count(inFlight)}
          {campaign.maxInFlight !== undefined && ` of ${count(campaign.maxInFlight)}`}
        </span>
        {left !== undefined && (
          <span>
            About {duration(left)} until the {count(plannedNow(campaign, statistics))} that are released are
            written
          </span>
        )}
        {late > 0 && <span>{count(late)} answered late</span>}
        {timeToApply !== undefined && (
          <span>
            Devices took {duration(timeToApply.p50Seconds)} (half), {duration(timeToApply.p90Seconds)} (90 %),{' '}
            {duration(timeToApply.p99Seconds)} (99 %)
          </span>
        )}
      </Group>
    </>
  );
};
