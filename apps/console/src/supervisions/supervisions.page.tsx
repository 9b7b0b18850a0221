import { Button, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { usePolling } from '../api/live.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Listed } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Nothing, PageHeader } from '../shared/page.js';
import { StateMark } from '../shared/state-mark.js';
import { supervisionsQuery } from './supervisions.queries.js';
import { OfAll, VerdictBar } from './verdict-bar.js';

/** Verdicts of many supervisions at once; each page of one is live. */
const EVERY_MS = 10_000;

export const SupervisionsPage = () => {
  const { cursor } = useSearch({ from: '/supervisions' });
  const navigate = useNavigate();
  const poll = usePolling();
  const supervisions = useQuery({
    ...supervisionsQuery(cursor),
    refetchInterval: poll === false ? EVERY_MS : poll,
  });
  return (
    <div className="page">
      <PageHeader
        title="Supervisions"
        beside={
          <Text c="dimmed">
            {supervisions.data?.total === undefined ? '' : count(supervisions.data.total)}
          </Text>
        }
        actions={
          <Button component={Link} to="/supervisions/new">
            Watch devices
          </Button>
        }
      />
      <Listed
        query={supervisions}
        cursor={cursor}
        onPage={(search) => void navigate({ to: '/supervisions', search })}
        more="Older"
        nothing={
          <Nothing why="A supervision says whether devices are as they should be. One comes with every launch of a campaign; it can also stand alone." />
        }
        head={
          <>
            <th>Supervision</th>
            <th>State</th>
            <th style={{ minWidth: 160 }}>As they should be</th>
            <th className="right">Invalid</th>
            <th className="right wide">Devices</th>
            <th className="wide">Opened</th>
          </>
        }
      >
        {(supervision) => (
          <>
            <td className="anywhere">
              <AnchorLink to="/supervisions/$id" params={{ id: supervision.id }}>
                {supervision.name}
              </AnchorLink>
            </td>
            <td>
              <StateMark state={supervision.status} />
            </td>
            <td>
              <VerdictBar total={supervision.total} verdicts={supervision.verdicts} legend={false} />
              <OfAll part={supervision.verdicts.valid} total={supervision.total} />
            </td>
            <td className="right">
              {supervision.verdicts.invalid > 0 ? (
                <span className="state-bad">{count(supervision.verdicts.invalid)}</span>
              ) : (
                '0'
              )}
            </td>
            <td className="right wide">{count(supervision.total)}</td>
            <td className="wide">
              <Moment at={supervision.openedAt} clock />
            </td>
          </>
        )}
      </Listed>
    </div>
  );
};
