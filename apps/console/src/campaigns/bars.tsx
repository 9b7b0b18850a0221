import { PartBar } from '../shared/part-bar.js';
import { count } from '../shared/format.js';
import { VerdictBar } from '../supervisions/verdict-bar.js';
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
  supervisionId,
  legend = true,
}: {
  readonly statistics: Statistics;
  readonly supervisionId?: string | null | undefined;
  readonly legend?: boolean;
}) => <VerdictBar total={targets} verdicts={adoption} supervisionId={supervisionId} legend={legend} />;
