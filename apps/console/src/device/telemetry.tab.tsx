import { Checkbox, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ActButton } from '../shared/act-button.js';
import { count, json } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { latestQuery } from './device.queries.js';
import { RemoveLatest } from './remove-latest.js';
import { readKeys, writeKeys, type Range } from './series.js';
import { TelemetryCourse } from './telemetry-course.js';
import { ActsHead, Table } from '../shared/table.js';

/** So many lines can be told apart. */
const MOST_KEYS = 6;
/** A device sends every few seconds; what is looked at need not be newer than that. */
const FRESH_MS = 5_000;

export interface TelemetrySearch {
  readonly keys?: string;
  readonly range?: Range;
  readonly from?: string;
  readonly to?: string;
  readonly view?: 'table';
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
  const [removing, setRemoving] = useState<string>();
  return (
    <Loaded query={latest}>
      {({ items, nextCursor }) => {
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
            <TelemetryCourse id={id} keys={keys} search={search} onSearch={onSearch} />
            <Section title="Latest values">
              <Table
                isCards
                head={
                  <>
                    <th>Key</th>
                    <th>Value</th>
                    <th>Of</th>
                    <ActsHead />
                  </>
                }
              >
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
                    <td className="right">
                      <ActButton
                        needs="telemetry"
                        variant="default"
                        onClick={() => setRemoving(key)}
                        aria-label={`Remove ${key}`}
                      >
                        Remove …
                      </ActButton>
                    </td>
                  </tr>
                ))}
              </Table>
              {nextCursor !== null && (
                <Text c="dimmed" mt="sm">
                  These are the first {count(items.length)} keys; GET /api/v1/devices/{id}/telemetry/latest
                  lists all.
                </Text>
              )}
            </Section>
            {removing !== undefined && (
              <RemoveLatest id={id} keyName={removing} onClose={() => setRemoving(undefined)} />
            )}
          </>
        );
      }}
    </Loaded>
  );
};
