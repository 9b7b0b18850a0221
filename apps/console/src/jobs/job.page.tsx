import { Button, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { useLive, usePolling } from '../api/live.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { TYPE_ABOVE } from '../shared/confirm-count.js';
import { count } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, PageHeader, Section } from '../shared/page.js';
import { PartBar } from '../shared/part-bar.js';
import { StateMark } from '../shared/state-mark.js';
import { useCampaignsOfJobs } from './campaigns-of-jobs.js';
import { kindName } from './kinds.js';
import { doneOf, isOfCampaign, jobState } from './outcome.js';
import { jobErrorsQuery, jobQuery, namesQuery } from './jobs.queries.js';
import { Table } from '../shared/table.js';

const DEVICE_ID = /^[0-9a-f]{8}-/;

export const JobPage = () => {
  const { id } = useParams({ from: '/jobs/$id' });
  const { cursor } = useSearch({ from: '/jobs/$id' });
  const navigate = useNavigate();
  const poll = usePolling();
  const job = useQuery({ ...jobQuery(id), refetchInterval: poll });
  const campaigns = useCampaignsOfJobs(job.data !== undefined && isOfCampaign(job.data));
  const errors = useQuery({ ...jobErrorsQuery(id, cursor), refetchInterval: poll });
  useLive('jobs', [['jobs', id]], ({ data }) => data['jobId'] === id || data['parent'] === id);
  const names = useQuery(
    namesQuery((errors.data?.items ?? []).map(({ item }) => item).filter((item) => DEVICE_ID.test(item))),
  ).data;
  const [asked, setAsked] = useState<'cancel' | 'retry'>();
  const close = () => setAsked(undefined);
  return (
    <div className="page">
      <Loaded query={job}>
        {({
          kind,
          status,
          done,
          total,
          failed,
          createdAt,
          startedAt,
          endedAt,
          createdBy,
          cancelledBy,
          reason,
          children,
          parent,
          retryOf,
        }) => {
          const ofCampaign = isOfCampaign({ kind });
          const campaign = ofCampaign ? campaigns.get(parent ?? id) : undefined;
          return (
            <>
              <PageHeader
                title={kindName(kind)}
                above={
                  <AnchorLink to="/jobs" c="dimmed">
                    Jobs
                  </AnchorLink>
                }
                beside={<StateMark state={jobState({ kind, status })} />}
                actions={
                  ofCampaign ? undefined : (
                    <>
                      {endedAt === undefined && (
                        <ActButton needs="job" variant="default" onClick={() => setAsked('cancel')}>
                          Cancel …
                        </ActButton>
                      )}
                      {endedAt !== undefined && failed > 0 && (
                        <ActButton needs="job" onClick={() => setAsked('retry')}>
                          Try the {count(failed)} failed again …
                        </ActButton>
                      )}
                    </>
                  )
                }
              />
              {campaign?.status === 'paused' && (
                <Text mb="sm">
                  <StateMark state="paused" word="Its campaign is paused:" /> nothing of it is done before it
                  is resumed.
                </Text>
              )}
              {asked === 'cancel' && (
                <ActDialog
                  title={`Cancel: ${kindName(kind)}`}
                  act="Cancel the job"
                  danger
                  gone={endedAt === undefined ? undefined : 'It has ended meanwhile.'}
                  refreshes={['jobs', id]}
                  run={() => answered(api.POST('/api/v1/jobs/{id}/cancel', { params: { path: { id } } }))}
                  onClose={close}
                >
                  <Text>
                    Nothing more of it is begun. What is done stays, and what is in hand is finished. A job
                    that was cancelled does not go on again: what it has left undone is started anew.
                  </Text>
                </ActDialog>
              )}
              {asked === 'retry' && (
                <ActDialog
                  title={`Try again: ${kindName(kind)}`}
                  act={`Try ${count(failed)} again`}
                  {...(failed > TYPE_ABOVE ? { toType: String(failed) } : {})}
                  refreshes={['jobs']}
                  run={(key) =>
                    answered(
                      api.POST('/api/v1/jobs/{id}/retry', {
                        params: { path: { id }, header: { 'Idempotency-Key': key } },
                      }),
                    )
                  }
                  onDone={({ jobId }) => {
                    close();
                    void navigate({ to: '/jobs/$id', params: { id: jobId } });
                  }}
                  onClose={close}
                >
                  <Text>
                    What failed is done once more as it was asked for then, by a new job. What is listed here
                    as failed stays listed.
                  </Text>
                </ActDialog>
              )}
              <PartBar
                label="Progress"
                total={total ?? 0}
                parts={[
                  {
                    name: ofCampaign ? 'written' : 'done',
                    value: doneOf({ kind, done, failed }),
                    fill: ofCampaign ? 'accent' : 'ok',
                  },
                  ...(ofCampaign ? [] : [{ name: 'failed', value: failed, fill: 'bad' as const }]),
                ]}
                beside={<span>of {total === null ? 'a number not counted yet' : count(total)}</span>}
              />
              {reason !== undefined && <Text mt="sm">{reason.detail}</Text>}
              <dl className="facts" style={{ marginTop: 12 }}>
                <dt>Created</dt>
                <dd>
                  <Moment at={createdAt} clock /> by <ActorName actor={createdBy} />
                </dd>
                {startedAt !== undefined && (
                  <>
                    <dt>Begun</dt>
                    <dd>
                      <Moment at={startedAt} clock />
                    </dd>
                  </>
                )}
                {endedAt !== undefined && (
                  <>
                    <dt>Ended</dt>
                    <dd>
                      <Moment at={endedAt} clock />
                    </dd>
                  </>
                )}
                {cancelledBy !== undefined && (
                  <>
                    <dt>Cancelled by</dt>
                    <dd>
                      <ActorName actor={cancelledBy} />
                    </dd>
                  </>
                )}
                {parent !== undefined && (
                  <>
                    <dt>Part of</dt>
                    <dd>
                      <AnchorLink to="/jobs/$id" params={{ id: parent }}>
                        another job
                      </AnchorLink>
                    </dd>
                  </>
                )}
                {retryOf !== undefined && (
                  <>
                    <dt>Tries again</dt>
                    <dd>
                      <AnchorLink to="/jobs/$id" params={{ id: retryOf }}>
                        what failed in this job
                      </AnchorLink>
                    </dd>
                  </>
                )}
              </dl>
              {kind.startsWith('iot-hub-reconcile') && (
                <Text mt="sm">
                  It counts what differs. What was found, and what was done about it, is on the page of its{' '}
                  <AnchorLink to="/iot-hubs">IoT Hub</AnchorLink>.
                </Text>
              )}
              {kind.startsWith('device-import') && retryOf === undefined && (
                <Text mt="sm">
                  <AnchorLink to="/imports/$id" params={{ id }}>
                    What became of each row
                  </AnchorLink>
                </Text>
              )}
              {ofCampaign && (
                <Text c="dimmed">
                  It says what was written. How devices took it, and everything that can be done with it, is
                  on the page of{' '}
                  {campaign === undefined ? (
                    'its campaign'
                  ) : (
                    <AnchorLink to="/campaigns/$id" params={{ id: campaign.id }}>
                      {campaign.name}
                    </AnchorLink>
                  )}
                  .
                </Text>
              )}
              {children.length > 0 && (
                <Section title="Parts">
                  <Table
                    isCards
                    head={
                      <>
                        <th>Part</th>
                        <th>State</th>
                        <th className="right">{ofCampaign ? 'Written' : 'Done'}</th>
                        {!ofCampaign && <th className="right">Failed</th>}
                      </>
                    }
                  >
                    {children.map((child, index) => (
                      <tr key={child.id}>
                        <td>
                          <AnchorLink to="/jobs/$id" params={{ id: child.id }}>
                            {kindName(child.kind)} {index + 1}
                          </AnchorLink>
                        </td>
                        <td>
                          <StateMark state={child.status} />
                        </td>
                        <td className="right">
                          {count(doneOf(child))} of {child.total === null ? '?' : count(child.total)}
                        </td>
                        {!ofCampaign && <td className="right">{count(child.failed)}</td>}
                      </tr>
                    ))}
                  </Table>
                </Section>
              )}
            </>
          );
        }}
      </Loaded>
      <Section title="What failed">
        <Loaded query={errors}>
          {({ items, nextCursor, total }) =>
            items.length === 0 ? (
              <Text c="dimmed">Nothing has failed.</Text>
            ) : (
              <>
                <Table
                  isCards
                  head={
                    <>
                      <th>Device or line</th>
                      <th>Reason</th>
                      <th className="wide">Code</th>
                    </>
                  }
                >
                  {items.map(({ item, code, detail }) => (
                    <tr key={item + code}>
                      <td className="value" {...(/^\d+$/.test(item) ? { 'data-label': 'Line' } : {})}>
                        {DEVICE_ID.test(item) ? (
                          <AnchorLink
                            to="/devices/$id/$tab"
                            params={{ id: item, tab: 'configuration' }}
                            title={item}
                          >
                            {names?.get(item) ?? item}
                          </AnchorLink>
                        ) : (
                          item
                        )}
                      </td>
                      <td className="anywhere">{detail}</td>
                      <td className="value wide">{code}</td>
                    </tr>
                  ))}
                </Table>
                <Group mt="sm">
                  {total !== undefined && <Text c="dimmed">{count(total)} in all</Text>}
                  {nextCursor !== null && (
                    <Button
                      variant="default"
                      onClick={() =>
                        void navigate({ to: '/jobs/$id', params: { id }, search: { cursor: nextCursor } })
                      }
                    >
                      More
                    </Button>
                  )}
                </Group>
              </>
            )
          }
        </Loaded>
      </Section>
    </div>
  );
};
