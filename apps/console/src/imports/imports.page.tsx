import { Button, Text } from '@mantine/core';
import { DownloadIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useLive, usePolling } from '../api/live.js';
import { DRY_RUN } from '../jobs/kinds.js';
import { jobState } from '../jobs/outcome.js';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Paging } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader, Section } from '../shared/page.js';
import { StateMark } from '../shared/state-mark.js';
import { importsQuery } from './imports.queries.js';
import { StartImport } from './start-import.js';
import { Table } from '../shared/table.js';

/** Files of devices: a new one, and those that were imported or tried. */
export const ImportsPage = () => {
  const { cursor } = useSearch({ from: '/imports' });
  const navigate = useNavigate();
  const imports = useQuery({ ...importsQuery(cursor), refetchInterval: usePolling() });
  useLive('jobs', [['imports', 'list']], undefined, 1_000);
  return (
    <div className="page">
      <PageHeader
        title="Imports"
        beside={<Text c="dimmed">{imports.data?.total === undefined ? '' : count(imports.data.total)}</Text>}
        actions={
          <Button
            variant="default"
            component="a"
            href="/api/v1/exports/devices?format=csv"
            download="devices.csv"
            leftSection={<DownloadIcon size={14} />}
          >
            Export all devices
          </Button>
        }
      />
      <StartImport />
      <Section title="Until now">
        <Loaded query={imports}>
          {({ items, nextCursor }) =>
            items.length === 0 ? (
              <Nothing why="No file was imported or tried in the last weeks. Choose one above." />
            ) : (
              <>
                <Table
                  isCards
                  head={
                    <>
                      <th>Begun</th>
                      <th>State</th>
                      <th className="right">Rows</th>
                      <th className="right">Failed</th>
                      <th className="wide">Ended</th>
                      <th className="wide">By</th>
                    </>
                  }
                >
                  {items.map(({ id, dryRun, status, total, done, failed, ...one }) => (
                    <tr key={id}>
                      <td>
                        <AnchorLink to="/imports/$id" params={{ id }}>
                          <Moment at={one.createdAt} clock />
                        </AnchorLink>
                        {dryRun && (
                          <div>
                            <StateMark state="dry_run" />
                          </div>
                        )}
                      </td>
                      <td>
                        <StateMark state={jobState({ kind: dryRun ? DRY_RUN : '', status })} />
                      </td>
                      <td className="right">
                        {count(done)} of {total === null ? '?' : count(total)}
                      </td>
                      <td className="right">
                        {failed > 0 ? <span className="state-bad">{count(failed)}</span> : '0'}
                      </td>
                      <td className="wide">
                        <Moment at={one.endedAt} fallback="" clock />
                      </td>
                      <td className="wide">
                        <ActorName actor={one.createdBy} />
                      </td>
                    </tr>
                  ))}
                </Table>
                <Paging
                  cursor={cursor}
                  nextCursor={nextCursor}
                  first="To the newest"
                  more="Older"
                  onPage={(search) => void navigate({ to: '/imports', search })}
                />
              </>
            )
          }
        </Loaded>
      </Section>
    </div>
  );
};
