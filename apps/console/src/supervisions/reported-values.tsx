import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { keyText, narrowed, valueText } from '../devices/filter-text.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count, json, percent } from '../shared/format.js';
import { Loaded } from '../shared/page.js';
import { PartBar } from '../shared/part-bar.js';
import { StateMark } from '../shared/state-mark.js';
import { useCover, Value } from '../shared/value.js';
import { sharesOf, type Share } from './shares.js';
import { reportedValuesQuery, type Supervision } from './supervisions.queries.js';
import { Table } from '../shared/table.js';

/** How many devices report which value of each key that is written or expected: how far a version has come. */
export const ReportedValues = ({
  supervisionId,
  verdicts,
  filter,
}: {
  readonly supervisionId: string;
  readonly verdicts: Supervision['verdicts'];
  /** Which devices it is about, where that is a filter: then a value leads to its devices. */
  readonly filter?: string | undefined;
}) => {
  const values = useQuery(reportedValuesQuery(supervisionId));
  const cover = useCover();
  return (
    <Loaded query={values}>
      {({ keys }) => (
        <>
          <Table
            label="Reported values"
            head={
              <>
                <th style={{ minWidth: 110 }}>Key</th>
                <th>Devices report</th>
                <th className="right">Devices</th>
                <th className="right">Part</th>
                <th style={{ minWidth: 120 }}>
                  <span className="visually-hidden">Part, as a bar</span>
                </th>
              </>
            }
          >
            {keys.map((key) => {
              const { total, shares } = sharesOf(key, verdicts);
              return shares.map(({ kind, value, devices, stands }, index) => (
                <tr key={`${key.key} ${index}`}>
                  {index === 0 && (
                    <td className="value" rowSpan={shares.length}>
                      {key.key}
                    </td>
                  )}
                  <td className="value">
                    {kind === 'value' || kind === 'expected' ? (
                      <code>
                        <Value name={key.key} of={value} />
                      </code>
                    ) : (
                      <span className="dim">{WORDS[kind]}</span>
                    )}{' '}
                    {kind === 'expected' && <StateMark state="valid" word="as it should be" />}
                    {stands !== undefined && <StateMark {...STANDS[stands]} />}
                  </td>
                  <td className="right">
                    <DevicesWith filter={filter} of={key.key} kind={kind} value={value} devices={devices} />
                  </td>
                  <td className="right">{percent(devices, total)}</td>
                  <td>
                    <PartBar
                      label={`${key.key} ${kind === 'value' || kind === 'expected' ? (cover(key.key, value) ?? json(value)) : WORDS[kind]}`}
                      total={total}
                      legend={false}
                      parts={[
                        {
                          name: 'devices',
                          value: devices,
                          fill:
                            kind === 'expected' ? 'ok' : stands === undefined ? 'off' : STANDS[stands].fill,
                        },
                      ]}
                    />
                  </td>
                </tr>
              ));
            })}
          </Table>
          <Text c="dimmed" mt={4}>
            What devices report or have applied, as it is now. It says nothing of what they were sent.
            {verdicts.pending > 0 &&
              ` ${count(verdicts.pending)} of all devices were not told yet, or have not answered: what these report is what was before.`}
          </Text>
        </>
      )}
    </Loaded>
  );
};

const STANDS = {
  wrong: { state: 'invalid', word: 'another value', fill: 'bad' },
  waiting: { state: 'pending', word: 'another value, waits', fill: 'pending' },
  either: { state: 'pending', word: 'another value: waits, or is wrong', fill: 'pending' },
} as const;

/** Only what a filter can ask for leads on: no objects, no secrets, which would be in the address. */
const DevicesWith = ({
  filter,
  of,
  kind,
  value,
  devices,
}: Pick<Share, 'kind' | 'value' | 'devices'> & {
  readonly filter: string | undefined;
  readonly of: string;
}) => {
  const isSecret = useCover()(of, value) !== undefined;
  const comparison =
    kind === 'none'
      ? '=exists=false'
      : (kind === 'value' || kind === 'expected') && value !== null && typeof value !== 'object' && !isSecret
        ? `==${valueText(value)}`
        : undefined;
  if (filter === undefined || comparison === undefined || devices === 0) return count(devices);
  const selector = `reported.${keyText(of)}`;
  return (
    <AnchorLink
      to="/devices"
      search={{ filter: narrowed(filter, selector, `${selector}${comparison}`) }}
      title="The devices that match its filter now and report this"
    >
      {count(devices)}
    </AnchorLink>
  );
};

const WORDS = {
  value: '',
  expected: '',
  cut: 'a long value',
  others: 'other values',
  none: 'no value',
  unknown: 'not known: deleted, or not looked at yet',
} as const;
