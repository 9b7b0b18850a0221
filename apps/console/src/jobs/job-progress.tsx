import { Progress, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useLive, usePolling } from '../api/live.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { StateMark } from '../shared/state-mark.js';
import { doneOf, isOfCampaign } from './outcome.js';
import { jobQuery } from './jobs.queries.js';

/** How far a job is, live; it goes on when nobody looks. */
export const JobProgress = ({ id, label }: { readonly id: string; readonly label: string }) => {
  const poll = usePolling();
  const { data: job } = useQuery({ ...jobQuery(id), refetchInterval: poll });
  useLive('jobs', [['jobs', id]], ({ data }) => data['jobId'] === id);
  const done = job === undefined ? 0 : doneOf(job);
  const total = job?.total ?? null;
  return (
    <div className="job-progress">
      <Text>
        <StateMark state={job?.status ?? 'created'} /> {label}: {count(done)} of{' '}
        {total === null ? 'not counted yet' : count(total)}
        {job !== undefined && !isOfCampaign(job) && job.failed > 0 && (
          <span className="state-bad"> · {count(job.failed)} failed</span>
        )}{' '}
        <AnchorLink to="/jobs/$id" params={{ id }}>
          the job
        </AnchorLink>
      </Text>
      <Progress
        value={total === null || total === 0 ? 0 : ((job?.done ?? 0) / total) * 100}
        size="sm"
        aria-label={label}
        {...(job?.status === 'failed' ? { color: 'red.9' } : {})}
      />
      {job?.reason !== undefined && <Text c="dimmed">{job.reason.detail}</Text>}
    </div>
  );
};
