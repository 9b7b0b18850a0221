import { Text } from '@mantine/core';
import { exact, json, number } from '../shared/format.js';
import type { Series } from './course.js';
import { Table } from '../shared/table.js';

const MOST_ROWS = 500;

/** What a chart shows as numbers and texts, the newest first: samples as they were sent, or what each bucket holds. */
export const CourseTable = ({
  series,
  areSamples,
  others,
}: {
  readonly series: readonly Series[];
  readonly areSamples: boolean;
  readonly others: readonly Series[];
}) => {
  const rows = rowsOf(series, others);
  return (
    <>
      {rows.length > MOST_ROWS && <Text c="dimmed">The newest {MOST_ROWS} of them:</Text>}
      <Table
        label="Values"
        style={{ maxHeight: 420, overflowY: 'auto' }}
        head={
          <>
            <th>{areSamples ? 'Time' : 'From'}</th>
            <th>Key</th>
            {areSamples ? (
              <th>Value</th>
            ) : (
              <>
                <th className="right">Least</th>
                <th className="right">Average</th>
                <th className="right">Greatest</th>
                <th>Last, where it is no number</th>
                <th className="right">Values</th>
              </>
            )}
          </>
        }
      >
        {rows.slice(0, MOST_ROWS).map(({ at, key, of }, index) => (
          <tr key={`${key} ${at} ${index}`}>
            <td className="nowrap">{exact(Date.parse(at))}</td>
            <td className="anywhere">{key}</td>
            {areSamples ? (
              <td className="value">{json(of[''])}</td>
            ) : (
              <>
                <td className="right">{numberOf(of['min'])}</td>
                <td className="right">{numberOf(of['avg'])}</td>
                <td className="right">{numberOf(of['max'])}</td>
                <td className="value">{typeof of['last'] === 'number' ? '–' : json(of['last'])}</td>
                <td className="right">{numberOf(of['count'])}</td>
              </>
            )}
          </tr>
        ))}
      </Table>
    </>
  );
};

interface Row {
  readonly at: string;
  readonly key: string;
  /** Aggregate → value; of a sample it has no name. */
  readonly of: Readonly<Record<string, unknown>>;
}

const rowsOf = (series: readonly Series[], others: readonly Series[]): readonly Row[] => {
  const samples = series
    .filter(({ aggregate }) => aggregate === undefined)
    .flatMap(({ key, points }) => points.map(([at, value]) => ({ at, key, of: { '': value } })));
  const buckets = new Map<string, { at: string; key: string; of: Record<string, unknown> }>();
  for (const { key, aggregate, points } of [...series, ...others]) {
    if (aggregate === undefined) continue;
    for (const [at, value] of points) {
      const name = `${at} ${key}`;
      const row = buckets.get(name) ?? { at, key, of: {} };
      buckets.set(name, row);
      row.of[aggregate] = value;
    }
  }
  return [...samples, ...buckets.values()].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
};

const numberOf = (value: unknown): string => (typeof value === 'number' ? number(value) : '–');
