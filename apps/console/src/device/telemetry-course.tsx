import { Button, SegmentedControl, Switch, Text } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { DownloadIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { count, exact } from '../shared/format.js';
import { useNow } from '../shared/moment.js';
import { Nothing, Section, Shape } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import {
  countOf,
  drawn,
  joined,
  keysWithOthers,
  linesOfBuckets,
  linesOfSamples,
  since,
  stripOf,
  type Series,
  type Strip,
} from './course.js';
import { bucketFor, cutOf, RANGES, sizeInWords, writeKeys, type Range } from './series.js';
import { CourseTable } from './course-table.js';
import { AGGREGATES, bucketsQuery, exportHref, MOST_SAMPLES, samplesQuery } from './telemetry.queries.js';
import type { TelemetrySearch } from './telemetry.tab.js';
import { ValueStrip } from './value-strip.js';

const Chart = lazy(async () => ({ default: (await import('../shared/chart.js')).Chart }));

/** What moves is read anew as often as it can show, within these. */
const FRESH_MS = { least: 5_000, most: 60_000 } as const;
/** What a device sends late, of times that were read already, shows after this. */
const LATE_MS = 300_000;
/** The newest bucket changes this often at most, as far as a chart can show. */
const STEPS_OF_A_BUCKET = 120;
const NARROWEST_PX = 200;
const CHART_PX = 320;

/** How keys of a device went: buckets of time as a band with its average, or samples where they are few. */
export const TelemetryCourse = ({
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
  const { ref, width } = useElementSize();
  const course = useCourse(id, keys, search, width);
  const { from, to, fixed, range, bucket } = course;
  const asTable = search.view === 'table';
  const values = course.samples === 1 ? '1 value' : `${count(course.samples)} values`;
  const choose = (begin: number, end: number): void =>
    onSearch({
      ...search,
      keys: writeKeys(keys),
      from: new Date(begin).toISOString(),
      to: new Date(Math.max(end, begin + 1_000)).toISOString(),
    });
  const move = (by: number): void => choose(from + by * (to - from), to + by * (to - from));
  const span = {
    ...{ id, keys, from: new Date(from).toISOString() },
    to: fixed ? new Date(to).toISOString() : undefined,
  };
  return (
    <Section
      title="Over time"
      actions={
        <>
          {fixed && (
            <Button variant="default" onClick={() => onSearch({ ...search, from: undefined, to: undefined })}>
              Back to the last {range}
            </Button>
          )}
          {!fixed && (
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
            onChange={(event) =>
              onSearch({ ...search, view: event.currentTarget.checked ? 'table' : undefined })
            }
          />
        </>
      }
    >
      <div ref={ref}>
        <ProblemView error={course.error} retry={course.retry} />
        {keys.length === 0 && <Nothing why="Choose keys below to see how they went." />}
        {keys.length > 0 && course.series === undefined && course.error === null && <Shape rows={8} />}
        {keys.length > 0 && course.series !== undefined && (
          <div className={course.isOld ? 'old' : undefined} aria-busy={course.isOld}>
            <Text c="dimmed">
              {course.areSamples
                ? `${values}, each as it was sent.`
                : `${values} in buckets of ${sizeInWords(bucket.size)}: the average, and from the least to the greatest. Drag across the chart to come down to single values.`}
              {course.complete || ' There are more than could be read.'}
            </Text>
            {course.samples === 0 ? (
              <Nothing why="Nothing was sent in this time." />
            ) : asTable ? (
              <CourseTable series={course.series} areSamples={course.areSamples} others={course.others} />
            ) : (
              <Drawn course={course} keys={keys} onRange={choose} />
            )}
          </div>
        )}
        {keys.length > 0 && (
          <div className="acts">
            <Button variant="default" onClick={() => move(-0.5)}>
              Earlier
            </Button>
            <Button variant="default" disabled={!fixed} onClick={() => move(0.5)}>
              Later
            </Button>
            <Button variant="default" onClick={() => choose(from + (to - from) / 4, to - (to - from) / 4)}>
              Closer
            </Button>
            <Button variant="default" onClick={() => choose(from - (to - from) / 2, to + (to - from) / 2)}>
              Wider
            </Button>
            {(['csv', 'ndjson'] as const).map((format) => (
              <Button
                key={format}
                variant="default"
                component="a"
                href={exportHref(span, format)}
                download={`telemetry.${format}`}
                leftSection={<DownloadIcon size={14} />}
                title="Every sample of this time, as a file"
              >
                {format.toUpperCase()}
              </Button>
            ))}
          </div>
        )}
      </div>
    </Section>
  );
};

interface Course {
  /** Epoch milliseconds: what is shown. */
  readonly from: number;
  readonly to: number;
  /** By the address; else it moves on with the time. */
  readonly fixed: boolean;
  readonly range: Range;
  readonly bucket: { readonly size: string; readonly seconds: number };
  /** Undefined: not read yet. */
  readonly series: readonly Series[] | undefined;
  readonly areSamples: boolean;
  /** With buckets: the last values of keys that have others than numbers. */
  readonly others: readonly Series[];
  readonly samples: number;
  readonly complete: boolean;
  /** Of another time or other keys, until the answer comes. */
  readonly isOld: boolean;
  readonly error: unknown;
  readonly retry: () => void;
}

const useCourse = (id: string, keys: readonly string[], search: TelemetrySearch, width: number): Course => {
  const now = useNow();
  const range: Range = search.range ?? '24h';
  const fixed = search.from !== undefined && search.to !== undefined;
  const to = fixed ? Date.parse(search.to ?? '') : now;
  const from = fixed ? Date.parse(search.from ?? '') : now - RANGES[range] * 1_000;
  const bucket = bucketFor((to - from) / 1_000, Math.max(width, NARROWEST_PX), {
    keys: keys.length,
    aggregates: AGGREGATES.length,
  });
  const freshMs = Math.min(
    FRESH_MS.most,
    Math.max(FRESH_MS.least, bucket.seconds * (1_000 / STEPS_OF_A_BUCKET)),
  );
  const cut = fixed ? to : cutOf(now, bucket);
  const begin = new Date(fixed ? from : cut - RANGES[range] * 1_000).toISOString();
  const end = fixed ? new Date(to).toISOString() : undefined;
  // Nothing is asked before the width is known: it decides what.
  const isReady = width > 0 && keys.length > 0;

  const at = new Date(cut).toISOString();
  const past = useQuery({
    ...bucketsQuery({ id, keys, from: begin, to: at }, bucket.size),
    enabled: isReady,
    ...(fixed ? {} : { refetchInterval: LATE_MS }),
  });
  const tail = useQuery({
    ...bucketsQuery({ id, keys, from: at }, bucket.size),
    enabled: isReady && !fixed,
    refetchInterval: freshMs,
  });
  const isRead = past.data !== undefined && (fixed || tail.data !== undefined);
  const buckets = isRead ? joined(past.data.series, fixed ? [] : (tail.data?.series ?? [])) : undefined;

  const found = buckets === undefined ? 0 : countOf(buckets);
  const areFew = found > 0 && found <= MOST_SAMPLES;
  const single = useQuery({
    ...samplesQuery({ id, keys, from: begin, to: end }),
    enabled: isReady && areFew,
    ...(fixed ? {} : { refetchInterval: FRESH_MS.least }),
  });
  const areSamples = areFew && single.data?.complete === true && !single.isPlaceholderData;

  const otherKeys = buckets === undefined ? [] : keysWithOthers(buckets, keys);
  const others = useQuery({
    ...bucketsQuery({ id, keys: otherKeys, from: begin, to: end }, bucket.size, ['last']),
    enabled: isReady && !areSamples && otherKeys.length > 0,
    ...(fixed ? {} : { refetchInterval: freshMs }),
  });

  const queries = [past, ...(fixed ? [] : [tail]), ...(areFew ? [single] : []), others];
  // A bucket is shown when a part of it is.
  const shownFrom = from - (areSamples ? 0 : bucket.seconds * 1_000);
  const series = areSamples ? single.data?.series : buckets;
  const shown = series === undefined ? undefined : since(series, shownFrom);
  return {
    ...{ from, to, fixed, range, bucket, areSamples },
    series: shown,
    others: areSamples || otherKeys.length === 0 ? [] : since(others.data?.series ?? [], shownFrom),
    samples: shown === undefined ? 0 : areSamples ? valuesIn(shown) : countOf(shown),
    complete: past.data?.complete !== false && (fixed || tail.data?.complete !== false),
    isOld: past.isPlaceholderData,
    error: queries.find(({ error }) => error !== null)?.error ?? null,
    retry: () => {
      for (const query of queries) if (query.isError) void query.refetch();
    },
  };
};

const valuesIn = (series: readonly Series[]): number =>
  series.reduce((sum, { points }) => sum + points.length, 0);

const Drawn = ({
  course: { from, to, series = [], areSamples, others, bucket },
  keys,
  onRange,
}: {
  readonly course: Course;
  readonly keys: readonly string[];
  readonly onRange: (from: number, to: number) => void;
}) => {
  const seconds = areSamples ? 0 : bucket.seconds;
  const lines = (areSamples ? linesOfSamples(series, keys) : linesOfBuckets(series, keys, seconds)).filter(
    ({ points }) => points.length > 0,
  );
  const { columns, data } = drawn(lines, seconds);
  const strips: readonly Strip[] = (areSamples ? series : others)
    .map(({ key, points }) => stripOf(key, points, { bucketSeconds: seconds, end: to / 1_000 }))
    .filter(({ stretches }) => stretches.length > 0);
  const upTo = `from ${exact(from)} to ${exact(to)}. The switch “As a table” shows the values.`;
  return (
    <div className="chart">
      {lines.length > 0 && (
        <Suspense fallback={<div style={{ height: CHART_PX }} />}>
          <Chart
            label={`${lines.map(({ key }) => key).join(', ')}, ${upTo}`}
            lines={columns.map(({ line, part }) => ({
              name: part === 'value' ? (lines[line]?.key ?? '') : part,
              colour: keys.indexOf(lines[line]?.key ?? ''),
              isEdge: part !== 'value',
            }))}
            bands={columns.flatMap(({ part }, place) =>
              part === 'max' ? [[place, place - 1] as const] : [],
            )}
            data={data}
            from={from / 1_000}
            to={to / 1_000}
            onRange={onRange}
          />
        </Suspense>
      )}
      {strips.map((strip) => (
        <ValueStrip
          key={strip.key}
          strip={strip}
          from={from / 1_000}
          to={to / 1_000}
          label={`${strip.key}, ${upTo}`}
          {...(areSamples ? {} : { of: `the last value of each ${sizeInWords(bucket.size)}` })}
        />
      ))}
    </div>
  );
};
