import { Anchor, Button, Group, Text } from '@mantine/core';
import { CheckIcon, DashIcon, DownloadIcon } from '@primer/octicons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { useLive, usePolling } from '../api/live.js';
import { ActButton } from '../shared/act-button.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Confirm } from '../shared/confirm-count.js';
import { count, json } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader, Section } from '../shared/page.js';
import { StateMark } from '../shared/state-mark.js';
import { supervisedQuery, supervisionQuery, VERDICTS, type Verdict } from './supervisions.queries.js';
import { VerdictBar } from './verdict-bar.js';

/** Per device: whether it is as it should be, by which marks, and why not. */
export const SupervisionPage = () => {
  const { id } = useParams({ from: '/supervisions/$id' });
  const { verdict } = useSearch({ from: '/supervisions/$id' });
  const navigate = useNavigate();
  const poll = usePolling();
  const supervision = useQuery({ ...supervisionQuery(id), refetchInterval: poll });
  useLive(`supervision.${id}`, [['supervision', id]], undefined, 1_000);
  const choose = (next: Verdict | undefined) =>
    void navigate({
      to: '/supervisions/$id',
      params: { id },
      search: next === undefined ? {} : { verdict: next },
      resetScroll: false,
    });
  return (
    <div className="page">
      <Loaded query={supervision}>
        {(data) => (
          <>
            <PageHeader
              title={data.name}
              above={
                <AnchorLink to="/supervisions" c="dimmed">
                  Supervisions
                </AnchorLink>
              }
              beside={<StateMark state={data.status} />}
              actions={data.status === 'open' && <Close id={id} />}
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
            {data.error !== undefined && <Text className="state-bad">{data.error.detail}</Text>}
            {data.judging && <Text c="dimmed">Verdicts are still being found.</Text>}
            <Section title={`As they should be, of ${count(data.total)}`}>
              <VerdictBar supervision={data} legend={false} />
              <div className="counters" style={{ marginTop: 8 }}>
                {VERDICTS.map((one) => (
                  <button
                    type="button"
                    key={one}
                    className="counter"
                    aria-pressed={one === verdict}
                    onClick={() => choose(one === verdict ? undefined : one)}
                  >
                    <b>{count(data.verdicts[one])}</b> <StateMark state={one} />
                  </button>
                ))}
              </div>
            </Section>
            <div className="columns">
              <Section title="Desired values that must stay">
                <Values values={data.configurations} />
              </Section>
              <Section title="States that must be reported">
                <Values values={data.expectedStates} />
              </Section>
            </div>
          </>
        )}
      </Loaded>
      <Section
        title="Devices"
        actions={
          <Anchor
            href={`/api/v1/supervisions/${id}/devices?format=csv${verdict === undefined ? '' : `&verdict=${verdict}`}`}
            download="supervision.csv"
          >
            <DownloadIcon size={14} /> as a file
          </Anchor>
        }
      >
        <Devices key={verdict} id={id} verdict={verdict} onAll={() => choose(undefined)} />
      </Section>
    </div>
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
          <dd className="mono">{json(value)}</dd>
        </div>
      ))}
    </dl>
  );
};

const Devices = ({
  id,
  verdict,
  onAll,
}: {
  readonly id: string;
  readonly verdict: Verdict | undefined;
  readonly onAll: () => void;
}) => {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const devices = useQuery(supervisedQuery(id, verdict, cursors.at(-1)));
  return (
    <Loaded query={devices}>
      {({ items, nextCursor }) =>
        items.length === 0 ? (
          <Nothing why={verdict === undefined ? 'It has no devices.' : `No device is ${verdict}.`}>
            {verdict !== undefined && (
              <Button variant="default" onClick={onAll}>
                Show all
              </Button>
            )}
          </Nothing>
        ) : (
          <>
            <div className="table-scroll">
              <table className="table">
                <thead>
                  <tr>
                    <th>Device</th>
                    <th>Verdict</th>
                    <th>Reasons</th>
                    <th title="The wanted value is in place">Desired</th>
                    <th title="Of the document as it is now">Delivered</th>
                    <th title="The device has the value">Reported</th>
                    <th className="wide">Since</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((device) => (
                    <tr key={device.deviceId}>
                      <td className="anywhere">
                        <AnchorLink
                          to="/devices/$id/$tab"
                          params={{ id: device.deviceId, tab: 'configuration' }}
                        >
                          {device.name}
                        </AnchorLink>
                      </td>
                      <td>
                        <StateMark state={device.verdict} />
                      </td>
                      <td className="anywhere">
                        {device.reasons.map((reason, index) => (
                          <Reason key={index} reason={reason} />
                        ))}
                      </td>
                      <td>
                        <Yes is={device.desired} />
                      </td>
                      <td>
                        <StateMark state={device.delivered} />
                      </td>
                      <td>
                        <Yes is={device.reported} />
                        {device.knownBy === 'applied' && <div className="dim">by applying</div>}
                      </td>
                      <td className="wide">
                        <Moment at={device.since} fallback="" />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
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
const Reason = ({ reason }: { readonly reason: Schema<'VerdictReason'> }) => {
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
          <b>{key}</b> was changed to <code>{json(actual)}</code> (it should be <code>{json(expected)}</code>){' '}
          {when}
        </div>
      );
    case 'state_mismatch':
      return (
        <div>
          <b>{key}</b> is <code>{json(actual)}</code>, not <code>{json(expected)}</code> {when}
        </div>
      );
    case 'drift':
      return (
        <div>
          <b>{key}</b> was right and is <code>{json(actual)}</code> now, not <code>{json(expected)}</code>{' '}
          {when}
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

const Close = ({ id }: { readonly id: string }) => {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const close = useMutation({
    mutationFn: () => answered(api.POST('/api/v1/supervisions/{id}/close', { params: { path: { id } } })),
    onSuccess: () => setAsking(false),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['supervision', id] }),
  });
  return (
    <>
      <ActButton needs="supervision" variant="default" onClick={() => setAsking(true)}>
        Close …
      </ActButton>
      {asking && (
        <Confirm
          title="Close the supervision"
          act="Close"
          busy={close.isPending}
          error={close.error}
          onClose={() => setAsking(false)}
          onConfirm={() => close.mutate()}
        >
          <Text>
            Its verdicts stay as they are now and follow the devices no more. It is not opened again.
          </Text>
        </Confirm>
      )}
    </>
  );
};
