import { Button, Checkbox, SegmentedControl, Switch, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { exact, json } from '../shared/format.js';
import { Moment, useNow } from '../shared/moment.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { latestQuery } from './device.queries.js';
import { aligned, numbersOf, RANGES, readKeys, writeKeys, type Range } from './series.js';
import { samplesQuery } from './telemetry.queries.js';

const Chart = lazy(async () => ({ default: (await import('../shared/chart.js')).Chart }));

/** So many lines can be told apart. */
const MOST_KEYS = 6;
/** A device sends every few seconds; a chart that is looked at need not be newer than that. */
const FRESH_MS = 5_000;

export interface TelemetrySearch {
  readonly keys?: string;
  readonly range?: Range;
  readonly from?: string;
  readonly to?: string;
}

export const TelemetryTab = ({
  id,
  search,
  onSearch,
}: {
  readonly id: string;
  readonly search: TelemetrySearch;
  readonly onSearch: (search: TelemetrySearch) => void;
}) => {
  const latest = useQuery({ ...latestQuery(id), refetchInterval: FRESH_MS });
  return (
    <Loaded query={latest}>
      {({ items }) => {
        if (items.length === 0) return <Nothing why="This device has sent no telemetry yet." />;
        const chosen = readKeys(search.keys);
        const first = items.find(({ value }) => typeof value === 'number')?.key;
        const keys = search.keys === undefined ? (first === undefined ? [] : [first]) : chosen;
        const toggle = (key: string) =>
          onSearch({
            ...search,
            keys: writeKeys(
              keys.includes(key) ? keys.filter((one) => one !== key) : [...keys, key].slice(-MOST_KEYS),
            ),
          });
        return (
          <>
            <Course id={id} keys={keys} search={search} onSearch={onSearch} />
            <Section title="Latest values">
              <div className="table-scroll">
                <table className="table">
                  <thead>
                    <tr>
                      <th>Key</th>
                      <th>Value</th>
                      <th>Of</th>
                    </tr>
                  </thead>
                  <tbody>
                    {items.map(({ key, value, ts }) => (
                      <tr key={key}>
                        <td className="anywhere">
                          <Checkbox
                            label={key === '' ? '(the empty key)' : key}
                            checked={keys.includes(key)}
                            onChange={() => toggle(key)}
                          />
                        </td>
                        <td className="value">{json(value)}</td>
                        <td>
                          <Moment at={ts} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            </Section>
          </>
        );
      }}
    </Loaded>
  );
};

const Course = ({
  id,
  keys,
  search,
  onSearch,
}: {
  readonly id: string;
  readonly keys: readonly string[];
  readonly search: TelemetrySearch;
  readonly onSearch: (search: TelemetrySearch) => void;
}) => {
  const [asTable, setAsTable] = useState(false);
  const now = useNow();
  const range: Range = search.range ?? '24h';
  const fixed = search.from !== undefined && search.to !== undefined;
  // Moving on in steps, so that it is one question for some seconds and not one for each look.
  const step = Math.floor(now / (FRESH_MS * 2)) * FRESH_MS * 2 + FRESH_MS * 2;
  const to = fixed ? (search.to ?? '') : new Date(step).toISOString();
  const from = fixed ? (search.from ?? '') : new Date(step - RANGES[range] * 1_000).toISOString();
  const samples = useQuery(samplesQuery(id, keys, from, to));
  const series = keys.length === 0 ? [] : (samples.data?.series ?? []);
  const lines = series
    .map(({ key, points }) => ({ key, points: numbersOf(points) }))
    .filter(({ points }) => points.length > 0);
  return (
    <Section
      title="Over time"
      actions={
        <>
          {fixed ? (
            <Button variant="default" onClick={() => onSearch({ ...search, from: undefined, to: undefined })}>
              Back to the last {range}
            </Button>
          ) : (
            <SegmentedControl
              aria-label="How far back"
              data={Object.keys(RANGES)}
              value={range}
              onChange={(value) => onSearch({ ...search, range: value as Range })}
            />
          )}
          <Switch
            label="As a table"
            checked={asTable}
            onChange={(event) => setAsTable(event.currentTarget.checked)}
          />
        </>
      }
    >
      <ProblemView error={samples.error} retry={() => void samples.refetch()} />
      {keys.length === 0 && <Nothing why="Choose keys below to see how they went." />}
      {keys.length > 0 && samples.data !== undefined && (
        <>
          {samples.data.complete || (
            <Text c="dimmed">
              There are more samples than are shown: these are the newest. Drag across the chart, or choose a
              shorter time.
            </Text>
          )}
          {asTable ? (
            <SampleTable series={series} />
          ) : lines.length === 0 ? (
            <Nothing
              why={
                series.some(({ points }) => points.length > 0)
                  ? 'These values are no numbers, so they cannot be drawn.'
                  : 'Nothing was sent in this time.'
              }
            >
              <Button variant="default" onClick={() => setAsTable(true)}>
                Show a table
              </Button>
            </Nothing>
          ) : (
            <div className="chart">
              <Suspense fallback={<div style={{ height: 310 }} />}>
                <Chart
                  label={`${keys.join(', ')}, from ${exact(Date.parse(from))} to ${exact(Date.parse(to))}. The switch “As a table” shows the numbers.`}
                  names={lines.map(({ key }) => key)}
                  data={aligned(lines)}
                  from={Date.parse(from) / 1000}
                  to={Date.parse(to) / 1000}
                  onRange={(begin, end) =>
                    onSearch({
                      ...search,
                      keys: writeKeys(keys),
                      from: new Date(begin).toISOString(),
                      to: new Date(end).toISOString(),
                    })
                  }
                />
              </Suspense>
            </div>
          )}
        </>
      )}
    </Section>
  );
};

/** The newest samples of each key, as they were sent. */
const SampleTable = ({
  series,
}: {
  readonly series: readonly {
    readonly key: string;
    readonly points: readonly (readonly [string, unknown])[];
  }[];
}) => {
  const rows = series
    .flatMap(({ key, points }) => points.map(([at, value]) => ({ key, at, value })))
    .sort((a, b) => b.at.localeCompare(a.at))
    .slice(0, 500);
  return (
    <div
      className="table-scroll"
      style={{ maxHeight: 420, overflowY: 'auto' }}
      tabIndex={0}
      role="region"
      aria-label="Samples"
    >
      <table className="table">
        <thead>
          <tr>
            <th>Time</th>
            <th>Key</th>
            <th>Value</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, at, value }, index) => (
            <tr key={`${key} ${at} ${index}`}>
              <td className="nowrap">{exact(Date.parse(at))}</td>
              <td className="anywhere">{key}</td>
              <td className="value">{json(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};
