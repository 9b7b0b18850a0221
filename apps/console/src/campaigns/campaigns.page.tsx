import { Button, Group, Select, Text, TextInput } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useLive, usePolling } from '../api/live.js';
import { ActLink } from '../shared/act-button.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count, withOwnTimes } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader } from '../shared/page.js';
import { StateMark, stateOf } from '../shared/state-mark.js';
import { AdoptionBar, WrittenBar } from './bars.js';
import { OfAll } from '../supervisions/verdict-bar.js';
import { noLonger, waitsForRelease, writtenOf } from './numbers.js';
import {
  CAMPAIGN_STATUSES,
  campaignsQuery,
  statisticsQuery,
  type CampaignRow,
  type CampaignStatus,
} from './campaigns.queries.js';
import { Table } from '../shared/table.js';

interface Search {
  readonly status?: CampaignStatus;
  readonly name?: string;
  readonly cursor?: string;
}

export const CampaignsPage = () => {
  const search = useSearch({ from: '/campaigns' });
  const navigate = useNavigate();
  const poll = usePolling();
  const campaigns = useQuery({
    ...campaignsQuery(search.status, search.name, search.cursor),
    refetchInterval: poll === false ? 15_000 : poll,
  });
  useLive('jobs', [['campaigns', 'list']], undefined, 2_000);
  const [name, setName] = useState(search.name ?? '');
  const go = (next: Search) => void navigate({ to: '/campaigns', search: next });
  const filtered = search.status !== undefined || search.name !== undefined;
  return (
    <div className="page">
      <PageHeader
        title="Campaigns"
        beside={
          <Text c="dimmed">{campaigns.data?.total === undefined ? '' : count(campaigns.data.total)}</Text>
        }
        actions={
          <ActLink needs="campaign" to="/campaigns/new" leftSection={<PlusIcon size={14} />}>
            Prepare one
          </ActLink>
        }
      />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          go({
            ...(search.status === undefined ? {} : { status: search.status }),
            ...(name.trim() === '' ? {} : { name: name.trim() }),
          });
        }}
      >
        <Group gap="xs" mb="sm">
          <TextInput
            aria-label="Name"
            placeholder="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Select
            aria-label="Status"
            data={[
              { value: '', label: 'every status' },
              ...CAMPAIGN_STATUSES.map((value) => ({ value, label: stateOf(value).word })),
            ]}
            value={search.status ?? ''}
            allowDeselect={false}
            onChange={(value) =>
              go({
                ...(search.name === undefined ? {} : { name: search.name }),
                ...(value === null || value === '' ? {} : { status: value }),
              })
            }
          />
        </Group>
      </form>
      <Loaded query={campaigns}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Nothing
              why={
                filtered
                  ? 'No campaign matches.'
                  : 'A campaign gives new values to many devices, in batches that are watched. There is none yet.'
              }
            >
              {filtered ? (
                <Button variant="default" onClick={() => go({})}>
                  Show all campaigns
                </Button>
              ) : (
                <ActLink needs="campaign" to="/campaigns/new">
                  Prepare the first one
                </ActLink>
              )}
            </Nothing>
          ) : (
            <>
              <Table
                isCards
                head={
                  <>
                    <th>Campaign</th>
                    <th>State</th>
                    <th className="wide">Written and synchronised</th>
                    <th className="wide">As they should be</th>
                    <th className="right">Devices</th>
                    <th className="wide">Created</th>
                  </>
                }
              >
                {items.map((campaign) => (
                  <Row key={campaign.id} campaign={campaign} />
                ))}
              </Table>
              {nextCursor !== null && (
                <Button mt="sm" variant="default" onClick={() => go({ ...search, cursor: nextCursor })}>
                  Older
                </Button>
              )}
            </>
          )
        }
      </Loaded>
    </div>
  );
};

const Row = ({ campaign }: { readonly campaign: CampaignRow }) => {
  const { id, name, status, outcome, phase, phaseDetail, pause, total, createdAt, launchedAt, launchError } =
    campaign;
  const statistics = useQuery({
    ...statisticsQuery(id),
    enabled: launchedAt !== undefined,
    refetchInterval: status === 'running' ? 10_000 : false,
  }).data;
  const waits = waitsForRelease({ status, phase });
  const waitsForHuman = status === 'paused' || waits;
  return (
    <tr>
      <td className="anywhere">
        <AnchorLink to="/campaigns/$id" params={{ id }}>
          {name}
        </AnchorLink>
        {outcome === 'succeeded' && statistics !== undefined && statistics.adoption.invalid > 0 && (
          <div className="state-bad">{noLonger(statistics.adoption.invalid)}</div>
        )}
        {status === 'draft' && launchError !== undefined && (
          <div className="state-bad">The launch was refused: {launchError.detail}</div>
        )}
        {waitsForHuman && (
          <div className="state-pending">{withOwnTimes(pause?.detail ?? phaseDetail ?? '')}</div>
        )}
      </td>
      <td>
        {status === 'completed' && outcome !== null ? (
          <StateMark state={outcome} />
        ) : (
          <StateMark state={waits ? 'waiting' : status} {...(waits ? { word: 'waits for release' } : {})} />
        )}
      </td>
      <td className="wide" style={{ minWidth: 150 }}>
        {statistics !== undefined && (
          <>
            <WrittenBar statistics={statistics} legend={false} />
            <OfAll part={writtenOf(statistics).synchronised} total={statistics.targets} />
          </>
        )}
      </td>
      <td className="wide" style={{ minWidth: 150 }}>
        {statistics !== undefined && (
          <>
            <AdoptionBar statistics={statistics} legend={false} />
            <OfAll part={statistics.adoption.valid} total={statistics.targets} />
          </>
        )}
      </td>
      <td className="right">{total === null ? '–' : count(total)}</td>
      <td className="wide">
        <Moment at={createdAt} clock />
      </td>
    </tr>
  );
};
