import { PartBar } from '../shared/part-bar.js';
import type { Supervision } from './supervisions.queries.js';

export const VerdictBar = ({
  supervision: { total, verdicts },
  legend = true,
}: {
  readonly supervision: Supervision;
  readonly legend?: boolean;
}) => (
  <PartBar
    label="Devices as they should be"
    total={total}
    legend={legend}
    parts={[
      { name: 'valid', value: verdicts.valid, fill: 'ok' },
      { name: 'invalid', value: verdicts.invalid, fill: 'bad' },
      { name: 'pending', value: verdicts.pending, fill: 'pending' },
      { name: 'unknown', value: verdicts.unknown, fill: 'off' },
    ]}
  />
);
