import { Anchor, Button, Group, Select, Text } from '@mantine/core';
import { CheckIcon, DashIcon, DownloadIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import type { Schema } from '../api/client.js';
import { useLive, usePolling } from '../api/live.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { sameJson } from '../shared/same-json.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader, Section } from '../shared/page.js';
import { StateMark } from '../shared/state-mark.js';
import { Value } from '../shared/value.js';
import { SecretKeys } from '../types/secret-keys.js';
import { ReportedValues } from './reported-values.js';
import { SupervisionActs } from './supervision-acts.js';
import {
  supervisedQuery,
  supervisionQuery,
  VERDICT_REASONS,
  VERDICTS,
  type SupervisedFilter,
  type VerdictReason,
} from './supervisions.queries.js';
import { VerdictBar, VerdictWords } from './verdict-bar.js';
import { Table } from '../shared/table.js';

/** Per device: whether it is as it should be, by which marks, and why not. */
export const SupervisionPage = () => {
  const { id } = useParams({ from: '/supervisions/$id' });
  const filter = useSearch({ from: '/supervisions/$id' });
  const { verdict, reason } = filter;
  const navigate = useNavigate();
  const poll = usePolling();
  const supervision = useQuery({ ...supervisionQuery(id), refetchInterval: poll });
  useLive(`supervision.${id}`, [['supervision', id]], undefined, 1_000);
  const [all, setAll] = useState(false);
  const choose = (next: SupervisedFilter) =>
    void navigate({ to: '/supervisions/$id', params: { id }, search: next, resetScroll: false });
  // The list has no order by verdict: those that need somebody are shown first by showing only them.
  // Once, by what was read first: a list that somebody reads does not become another one under their eyes.
  const asked = verdict !== undefined || reason !== undefined;
  const invalid = supervision.data?.data.verdicts.invalid;
  const [first, setFirst] = useState<{ readonly of: string; readonly hasInvalid: boolean }>();
  if (invalid !== undefined && first?.of !== id) setFirst({ of: id, hasInvalid: invalid > 0 });
  const shown: SupervisedFilter =
    asked || all || first?.hasInvalid !== true ? filter : { verdict: 'invalid' };
  const showAll = () => {
    setAll(true);
    choose({});
  };
  return (
    <SecretKeys deviceType={undefined}>
      <div className="page">
        <Loaded query={supervision}>
          {({ data, etag }) => (
            <>
              <PageHeader
                title={data.name}
                above={
                  <AnchorLink to="/supervisions" c="dimmed">
                    Supervisions
                  </AnchorLink>
                }
                beside={<StateMark state={data.status} />}
                actions={<SupervisionActs supervision={data} etag={etag} />}
              />
              {data.campaignId !== undefined && (
                <Text>
                  Of{' '}
                  <AnchorLink to="/campaigns/$id" params={{ id: data.campaignId }}>
                    its campaign
                  </AnchorLink>
                  . It goes on after the campaign has ended, until it is closed.
                </Text>
              )}
              <Text c="dimmed">
                Opened <Moment at={data.openedAt} clock /> by <ActorName actor={data.openedBy} />
                {data.closedAt !== undefined && (
                  <>
                    , closed <Moment at={data.closedAt} clock /> by <ActorName actor={data.closedBy} />:
                    verdicts are those of then
                  </>
                )}
                .
              </Text>
              {data.error !== undefined && <Text className="state-bad">{data.error.detail}</Text>}
              {data.judging && <Text c="dimmed">Verdicts are still being found.</Text>}
              <Section title={`As they should be, of ${count(data.total)}`}>
                <VerdictBar total={data.total} verdicts={data.verdicts} legend={false} />
                <div className="counters" style={{ marginTop: 8 }}>
                  {VERDICTS.map((one) => (
                    <button
                      type="button"
                      key={one}
                      className="counter"
                      aria-pressed={one === shown.verdict}
                      onClick={() => (one === shown.verdict ? showAll() : choose({ verdict: one }))}
                    >
                      <b>{count(data.verdicts[one])}</b>{' '}
                      <StateMark state={one} quiet={data.verdicts[one] === 0} />
                    </button>
                  ))}
                </div>
                <VerdictWords verdicts={data.verdicts} />
              </Section>
              <div className="columns">
                <Section title="Desired values that must stay">
                  <Values values={data.configurations} />
                </Section>
                <Section title="States that must be reported">
                  {Object.keys(data.expectedStates).length === 0 ? (
                    <Text c="dimmed">every desired value</Text>
                  ) : (
                    <Values values={data.expectedStates} />
                  )}
                  {data.expectedFrom === 'stated' && <Text>Only what a device states itself counts.</Text>}
                </Section>
              </div>
              <Section title="What devices report">
                <ReportedValues supervisionId={id} verdicts={data.verdicts} />
              </Section>
            </>
          )}
        </Loaded>
        <Section
          title="Devices"
          actions={
            <>
              <Select
                aria-label="Reason"
                data={[
                  { value: '', label: 'every reason' },
                  ...VERDICT_REASONS.map((value) => ({ value, label: REASONS[value] })),
                ]}
                value={reason ?? ''}
                allowDeselect={false}
                onChange={(value) =>
                  choose({
                    verdict: shown.verdict,
                    reason: value === null || value === '' ? undefined : value,
                  })
                }
              />
              <Anchor
                href={`/api/v1/supervisions/${id}/devices?format=csv${shown.verdict === undefined ? '' : `&verdict=${shown.verdict}`}${reason === undefined ? '' : `&reason=${reason}`}`}
                download="supervision.csv"
              >
                <DownloadIcon size={14} /> as a file
              </Anchor>
            </>
          }
        >
          {supervision.data !== undefined && (
            <Devices
              key={`${shown.verdict} ${shown.reason}`}
              id={id}
              filter={shown}
              ofCampaign={supervision.data.data.campaignId !== undefined}
              onAll={showAll}
            />
          )}
        </Section>
      </div>
    </SecretKeys>
  );
};

const Values = ({ values }: { readonly values: Readonly<Record<string, unknown>> }) => {
  const entries = Object.entries(values);
  if (entries.length === 0) return <Text c="dimmed">none</Text>;
  return (
    <dl className="facts">
      {entries.map(([key, value]) => (
        <div key={key} style={{ display: 'contents' }}>
          <dt>{key}</dt>
          <dd className="mono">
            <Value name={key} of={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
};

const Devices = ({
  id,
  filter,
  ofCampaign,
  onAll,
}: {
  readonly id: string;
  readonly filter: SupervisedFilter;
  readonly ofCampaign: boolean;
  readonly onAll: () => void;
}) => {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const isNarrow = filter.verdict !== undefined || filter.reason !== undefined;
  const devices = useQuery(supervisedQuery(id, filter, cursors.at(-1)));
  return (
    <Loaded query={devices}>
      {({ items, nextCursor, total }) =>
        items.length === 0 ? (
          <Nothing why={isNarrow ? 'No device is so at the moment.' : 'It has no devices.'}>
            {isNarrow && (
              <Button variant="default" onClick={onAll}>
                Show all
              </Button>
            )}
          </Nothing>
        ) : (
          <>
            {isNarrow && total !== undefined && (
              <Group mb={6} gap="xs">
                <Text aria-live="polite">
                  <b>{count(total)}</b> {filter.verdict === undefined ? '' : `${filter.verdict} `}
                  {total === 1 ? 'device' : 'devices'}
                </Text>
                <Button variant="default" onClick={onAll}>
                  Show all
                </Button>
              </Group>
            )}
            <Table
              isCards
              head={
                <>
                  <th>Device</th>
                  <th>Verdict</th>
                  <th>Reasons</th>
                  <th title="The wanted value is in place">Desired</th>
                  <th title="Of the document as it is now">Delivered</th>
                  <th title="The device has the value">Reported</th>
                  <th className="wide">Since</th>
                </>
              }
            >
              {items.map((device) => (
                <tr key={device.deviceId}>
                  <td className="name">
                    <AnchorLink
                      to="/devices/$id/$tab"
                      params={{ id: device.deviceId, tab: 'configuration' }}
                      title={device.name}
                    >
                      {device.name}
                    </AnchorLink>
                  </td>
                  <td data-label="Verdict">
                    <StateMark state={device.verdict} />
                  </td>
                  <td className="anywhere" data-label="Reasons">
                    {device.reasons.map((reason, index) => (
                      <Reason key={index} reason={reason} ofCampaign={ofCampaign} />
                    ))}
                  </td>
                  <td data-label="Desired">
                    <Yes is={device.desired} />
                  </td>
                  <td data-label="Delivered">
                    <StateMark state={device.delivered} quiet={device.reported} />
                  </td>
                  <td data-label="Reported">
                    <Yes is={device.reported} />
                    {device.knownBy === 'applied' && <div className="dim">by applying</div>}
                  </td>
                  <td className="wide" data-label="Since">
                    <Moment at={device.since} fallback="" clock />
                  </td>
                </tr>
              ))}
            </Table>
            <Group mt="sm" gap="xs">
              {cursors.length > 0 && (
                <Button variant="default" onClick={() => setCursors(cursors.slice(0, -1))}>
                  Back
                </Button>
              )}
              {nextCursor !== null && (
                <Button variant="default" onClick={() => setCursors([...cursors, nextCursor])}>
                  Next
                </Button>
              )}
            </Group>
          </>
        )
      }
    </Loaded>
  );
};

const Yes = ({ is }: { readonly is: boolean }) =>
  is ? (
    <span className="state state-ok">
      <CheckIcon size={14} aria-hidden="true" /> yes
    </span>
  ) : (
    <span className="state state-off">
      <DashIcon size={14} aria-hidden="true" /> no
    </span>
  );

/** In words, with who and when. */
const Reason = ({
  reason,
  ofCampaign,
}: {
  readonly reason: Schema<'VerdictReason'>;
  readonly ofCampaign: boolean;
}) => {
  const { code, key, expected, actual, by, at, statusCode, detail } = reason;
  const when = (
    <span className="dim">
      {by !== undefined && (
        <>
          by <ActorName actor={by} />{' '}
        </>
      )}
      <Moment at={at} fallback="" />
    </span>
  );
  switch (code) {
    case 'desired_changed':
      return (
        <div>
          <Changed reason={reason} ofCampaign={ofCampaign} /> {when}
        </div>
      );
    case 'state_mismatch':
      return (
        <div>
          <b>{key}</b> is <Code name={key} of={actual} />, not <Code name={key} of={expected} /> {when}
        </div>
      );
    case 'drift':
      return (
        <div>
          <b>{key}</b> was right and is <Code name={key} of={actual} /> now, not{' '}
          <Code name={key} of={expected} /> {when}
        </div>
      );
    case 'device_error':
      return (
        <div>
          The device refused it: {statusCode} {detail !== undefined && `“${detail}”`} {when}
        </div>
      );
    case 'removed':
      return <div>The device is gone. {when}</div>;
  }
};

/** Only a campaign has written a value that can have been changed; a supervision alone finds values as they are. */
const Changed = ({
  reason: { key, expected, actual },
  ofCampaign,
}: {
  readonly reason: Schema<'VerdictReason'>;
  readonly ofCampaign: boolean;
}) => {
  const wanted = expected === undefined ? 'none of its own' : <Code name={key} of={expected} />;
  if (actual === undefined) {
    return (
      <>
        The desired value of <b>{key}</b> was taken away; it should be {wanted}
      </>
    );
  }
  if (!ofCampaign || sameJson(actual, expected)) {
    return (
      <>
        The supervision asks for {wanted} as <b>{key}</b>; the desired value is{' '}
        <Code name={key} of={actual} />
      </>
    );
  }
  return (
    <>
      <b>{key}</b> was changed to <Code name={key} of={actual} />; it should be {wanted}
    </>
  );
};

const Code = ({ name = '', of }: { readonly name?: string | undefined; readonly of: unknown }) => (
  <code>
    <Value name={name} of={of} />
  </code>
);

const REASONS: Readonly<Record<VerdictReason, string>> = {
  desired_changed: 'the desired value is another',
  state_mismatch: 'it reports another value',
  drift: 'it was right before',
  device_error: 'the device refused it',
  removed: 'the device is gone',
};
