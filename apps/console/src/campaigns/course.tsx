import { Switch, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { platformTime } from '../api/platform-clock.js';
import { count, exact } from '../shared/format.js';
import { MOST } from '../shared/most.js';
import { Section } from '../shared/page.js';
import type { ChartLine, Mark } from '../shared/chart.js';
import { historyQuery, type Campaign, type Statistics } from './campaigns.queries.js';
import { outcomeOf } from './numbers.js';
import { Table } from '../shared/table.js';

const Chart = lazy(async () => ({ default: (await import('../shared/chart.js')).Chart }));

/** In the colours of the bars; `valid` is drawn last and dashed, because it often lies on `succeeded`. */
const LINES: readonly ChartLine[] = [
  { name: 'failed or timed out', colour: 4 },
  { name: 'succeeded', colour: 2 },
  { name: 'in progress', colour: 1 },
  { name: 'valid', colour: 0, isDashed: true },
];

/** How it has gone on, minute by minute, with the starts of batches and all pauses marked. */
export const Course = ({
  campaign,
  statistics,
}: {
  readonly campaign: Campaign;
  readonly statistics: Statistics;
}) => {
  const [asTable, setAsTable] = useState(false);
  // Pauses of long ago too; of a campaign that was paused hundreds of times, the last.
  const history = useQuery(historyQuery(campaign.id, MOST));
  const points = pointsOf(campaign, statistics);
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return null;
  const marks: Mark[] = campaign.batches.flatMap(({ index, releasedAt }) =>
    releasedAt === undefined ? [] : [{ at: Date.parse(releasedAt) / 1000, name: `batch ${index}` }],
  );
  for (const { what, at } of history.data?.items ?? [])
    if (what === 'paused' || what === 'resumed' || what === 'cancel_requested')
      marks.push({ at: Date.parse(at) / 1000, name: what === 'cancel_requested' ? 'cancelled' : what });
  return (
    <Section
      title="Over time"
      actions={
        <Switch
          label="As a table"
          checked={asTable}
          onChange={(event) => setAsTable(event.currentTarget.checked)}
        />
      }
    >
      {asTable ? (
        <Table
          label="Over time"
          style={{ maxHeight: 320, overflowY: 'auto' }}
          head={
            <>
              <th>Time</th>
              <th className="right">Succeeded</th>
              <th className="right">Failed</th>
              <th className="right">In progress</th>
              <th className="right">Valid</th>
            </>
          }
        >
          {points.map(({ at, succeeded, bad, inProgress, valid }) => (
            <tr key={at}>
              <td className="nowrap">{exact(at * 1000)}</td>
              <td className="right">{count(succeeded)}</td>
              <td className="right">{count(bad)}</td>
              <td className="right">{count(inProgress)}</td>
              <td className="right">{valid === undefined ? '–' : count(valid)}</td>
            </tr>
          ))}
        </Table>
      ) : points.length < 2 ? (
        <Text c="dimmed">There is one point so far; a point comes each minute.</Text>
      ) : (
        <div className="chart">
          <Suspense fallback={<div style={{ height: 310 }} />}>
            <Chart
              label="Devices over time. The switch “As a table” shows the numbers."
              lines={LINES}
              data={[
                points.map(({ at }) => at),
                points.map(({ bad }) => bad),
                points.map(({ succeeded }) => succeeded),
                points.map(({ inProgress }) => inProgress),
                points.map(({ valid }) => valid ?? null),
              ]}
              from={Math.min(first.at, ...marks.map(({ at }) => at))}
              to={last.at + 1}
              marks={marks}
              counts="devices"
            />
          </Suspense>
          <Text c="dimmed">
            A dot is what was counted. Its line holds until the next count; what was in between is not known.
          </Text>
        </div>
      )}
    </Section>
  );
};

/** The stored points, and how it is now. */
const pointsOf = ({ status }: Campaign, { points, byStatus, adoption }: Statistics) => {
  const stored = points.map((point) => ({
    at: Date.parse(point.at) / 1000,
    ...outcomeOf(point.byStatus),
    valid: point.adoption?.valid,
  }));
  const open = status === 'running' || status === 'paused';
  return open
    ? [...stored, { at: platformTime() / 1000, ...outcomeOf(byStatus), valid: adoption.valid }]
    : stored;
};
