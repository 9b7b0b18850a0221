import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { count, json, percent } from '../shared/format.js';
import { Loaded } from '../shared/page.js';
import { PartBar, type Part } from '../shared/part-bar.js';
import { StateMark } from '../shared/state-mark.js';
import { sharesOf, type Share } from './shares.js';
import { reportedValuesQuery } from './supervisions.queries.js';

/** How many devices report which value of each key that is written or expected: how far a version has come. */
export const ReportedValues = ({
  supervisionId,
  notTold = 0,
}: {
  readonly supervisionId: string;
  /** Devices to which a campaign has not come yet: that these report none says nothing. */
  readonly notTold?: number;
}) => {
  const values = useQuery(reportedValuesQuery(supervisionId));
  return (
    <Loaded query={values}>
      {({ keys }) => (
        <>
          <div className="table-scroll" tabIndex={0} role="region" aria-label="Reported values">
            <table className="table">
              <thead>
                <tr>
                  <th style={{ minWidth: 110 }}>Key</th>
                  <th>Devices report</th>
                  <th className="right">Devices</th>
                  <th className="right">Part</th>
                  <th style={{ minWidth: 120 }}>
                    <span className="visually-hidden">Part, as a bar</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {keys.map((key) => {
                  const { total, shares } = sharesOf(key);
                  const expects = key.expected !== undefined;
                  return shares.map(({ kind, value, devices }, index) => (
                    <tr key={`${key.key} ${index}`}>
                      {index === 0 && (
                        <td className="value" rowSpan={shares.length}>
                          {key.key}
                        </td>
                      )}
                      <td className="value">
                        {kind === 'value' ? (
                          <>
                            <code>{json(value)}</code>{' '}
                            {expects && <StateMark state="invalid" word="another value" />}
                          </>
                        ) : (
                          <span className="dim">
                            {WORDS[kind]}
                            {kind === 'none' &&
                              notTold > 0 &&
                              ` (${count(notTold)} of all devices were not told yet)`}
                          </span>
                        )}{' '}
                        {kind === 'expected' && (
                          <>
                            <code>{json(value)}</code> <StateMark state="valid" word="as it should be" />
                          </>
                        )}
                      </td>
                      <td className="right">{count(devices)}</td>
                      <td className="right">{percent(devices, total)}</td>
                      <td>
                        <PartBar
                          label={`${key.key} ${kind === 'value' || kind === 'expected' ? json(value) : WORDS[kind]}`}
                          total={total}
                          legend={false}
                          parts={[{ name: 'devices', value: devices, fill: fillOf(kind, expects) }]}
                        />
                      </td>
                    </tr>
                  ));
                })}
              </tbody>
            </table>
          </div>
          <Text c="dimmed" mt={4}>
            What devices report or have applied, as it is now. It says nothing of what they were sent.
          </Text>
        </>
      )}
    </Loaded>
  );
};

/** A value is wrong only where another is expected. */
const fillOf = (kind: Share['kind'], expects: boolean): Part['fill'] => {
  if (kind === 'expected') return 'ok';
  return expects && (kind === 'value' || kind === 'cut' || kind === 'others') ? 'bad' : 'off';
};

const WORDS = {
  value: '',
  expected: '',
  cut: 'a long value',
  others: 'other values',
  none: 'no value',
  unknown: 'not known: deleted, or not looked at yet',
} as const;
