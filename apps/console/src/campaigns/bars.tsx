import { PartBar } from '../shared/part-bar.js';
import { count } from '../shared/format.js';
import { VerdictBar } from '../supervisions/verdict-bar.js';
import type { Statistics } from './campaigns.queries.js';
import { writtenOf } from './numbers.js';

/**
 * What the job has done. Written is only stored; synchronised says that the interface of the device knows it, so that the
 * batch need not wait. Neither says that a device has it: that is the other bar.
 */
export const WrittenBar = ({
  statistics,
  legend = true,
}: {
  readonly statistics: Statistics;
  readonly legend?: boolean;
}) => {
  const { synchronised, unsynchronised, planned, leftOut } = writtenOf(statistics);
  return (
    <PartBar
      label="Written by the job"
      total={statistics.targets}
      legend={legend}
      parts={[
        { name: 'synchronised', value: synchronised, fill: 'accent' },
        { name: 'written, not synchronised', value: unsynchronised, fill: 'written' },
        ...(leftOut > 0 ? [{ name: 'left out', value: leftOut, fill: 'off' as const }] : []),
      ]}
      beside={
        <span>
          <b>{count(planned)}</b> not written yet
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
