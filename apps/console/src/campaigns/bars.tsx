import { PartBar } from '../shared/part-bar.js';
import { count } from '../shared/format.js';
import type { Statistics } from './campaigns.queries.js';
import { outcomeOf } from './numbers.js';

/**
 * What the job has done. Written is only stored; synchronised says that the interface of the device knows it, so that the
 * batch need not wait. Neither says that a device has it: that is the other bar.
 */
export const WrittenBar = ({
  statistics: { targets, byStatus, synchronised },
  legend = true,
}: {
  readonly statistics: Statistics;
  readonly legend?: boolean;
}) => {
  const { planned, leftOut } = outcomeOf(byStatus);
  const written = Math.max(0, targets - planned - leftOut);
  return (
    <PartBar
      label="Written by the job"
      total={targets}
      legend={legend}
      parts={[
        { name: 'synchronised', value: Math.min(synchronised, targets), fill: 'accent' },
        { name: 'written, not synchronised', value: Math.max(0, written - synchronised), fill: 'written' },
      ]}
      beside={
        <span>
          <b>{count(planned)}</b> not written yet{leftOut > 0 && `, ${count(leftOut)} left out`}
        </span>
      }
    />
  );
};

/** Which devices are as they should be, by what they say themselves. */
export const AdoptionBar = ({
  statistics: { targets, adoption },
  legend = true,
}: {
  readonly statistics: Statistics;
  readonly legend?: boolean;
}) => (
  <PartBar
    label="Devices as they should be"
    total={targets}
    legend={legend}
    parts={[
      { name: 'valid', value: adoption.valid, fill: 'ok' },
      { name: 'invalid', value: adoption.invalid, fill: 'bad' },
      { name: 'pending', value: adoption.pending, fill: 'pending' },
      { name: 'unknown', value: adoption.unknown, fill: 'off' },
    ]}
  />
);
