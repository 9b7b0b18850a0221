import { Button, Select, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useLive, usePolling } from '../api/live.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Paging } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader } from '../shared/page.js';
import { StateMark, stateOf } from '../shared/state-mark.js';
import { kindName } from './kinds.js';
import { doneOf, isOfCampaign, jobState } from './outcome.js';
import { JOB_STATUSES, jobsQuery, type Job, type JobStatus } from './jobs.queries.js';
import { useCampaignsOfJobs } from './campaigns-of-jobs.js';
import { Table } from '../shared/table.js';

export const JobsPage = () => {
  const { status, cursor } = useSearch({ from: '/jobs' });
  const navigate = useNavigate();
  const jobs = useQuery({ ...jobsQuery(status, cursor), refetchInterval: usePolling() });
  useLive('jobs', [['jobs', 'list']], undefined, 1_000);
  const go = (search: { status?: JobStatus; cursor?: string }) => void navigate({ to: '/jobs', search });
  return (
    <div className="page">
      <PageHeader
        title="Jobs"
        beside={<Text c="dimmed">{jobs.data?.total === undefined ? '' : count(jobs.data.total)}</Text>}
        actions={
          <Select
            aria-label="Status"
            data={[
              { value: '', label: 'all' },
              ...JOB_STATUSES.map((value) => ({ value, label: stateOf(value).word })),
            ]}
            value={status ?? ''}
            onChange={(value) => go(value === null || value === '' ? {} : { status: value })}
            allowDeselect={false}
          />
        }
      />
      <Loaded query={jobs}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Nothing
              why={
                status === undefined
                  ? 'Nothing long was started yet. Imports, bulk acts and campaigns show up here.'
                  : `No job is “${stateOf(status).word}”.`
              }
            >
              {status !== undefined && (
                <Button variant="default" onClick={() => go({})}>
                  Show all jobs
                </Button>
              )}
            </Nothing>
          ) : (
            <>
              <JobTable jobs={items} />
              <Paging
                cursor={cursor}
                nextCursor={nextCursor}
                first="To the newest"
                more="Older"
                onPage={(search) => go({ ...(status === undefined ? {} : { status }), ...search })}
              />
            </>
          )
        }
      </Loaded>
    </div>
  );
};

const JobTable = ({ jobs }: { readonly jobs: readonly Job[] }) => {
  const campaigns = useCampaignsOfJobs(jobs.some(isOfCampaign));
  return (
    <Table
      isCards
      head={
        <>
          <th>Job</th>
          <th>State</th>
          <th className="right">Done</th>
          <th className="right">Failed</th>
          <th>Begun</th>
          <th className="wide">Ended</th>
          <th className="wide">By</th>
        </>
      }
    >
      {jobs.map((job) => {
        const { id, kind, total, failed, startedAt, endedAt, createdBy, parent } = job;
        const campaign = isOfCampaign(job) ? campaigns.get(parent ?? id) : undefined;
        return (
          <tr key={id}>
            <td>
              <AnchorLink to="/jobs/$id" params={{ id }}>
                {kindName(kind)}
              </AnchorLink>
              {campaign !== undefined && (
                <div className="anywhere" style={{ marginTop: 6 }}>
                  <AnchorLink to="/campaigns/$id" params={{ id: campaign.id }}>
                    {campaign.name}
                  </AnchorLink>
                </div>
              )}
            </td>
            <td>
              <StateMark state={jobState(job)} />
              {campaign?.status === 'paused' && endedAt === undefined && (
                <div>
                  <StateMark state="paused" word="its campaign is paused" />
                </div>
              )}
            </td>
            <td className="right">
              {count(doneOf(job))} of {total === null ? '?' : count(total)}
              {isOfCampaign(job) && ' written'}
            </td>
            <td className="right">
              {isOfCampaign(job) ? (
                <span className="dim" title="How devices took it is on the page of the campaign">
                  –
                </span>
              ) : failed > 0 ? (
                <span className="state-bad">{count(failed)}</span>
              ) : (
                '0'
              )}
            </td>
            <td>
              <Moment at={startedAt} fallback="" clock />
            </td>
            <td className="wide">
              <Moment at={endedAt} fallback="" clock />
            </td>
            <td className="wide">
              <ActorName actor={createdBy} />
            </td>
          </tr>
        );
      })}
    </Table>
  );
};
