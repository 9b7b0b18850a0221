import { Text } from '@mantine/core';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { PartBar, type Part } from '../shared/part-bar.js';
import type { Supervision, Verdict } from './supervisions.queries.js';

const FILLS: readonly (readonly [Verdict, Part['fill']])[] = [
  ['valid', 'ok'],
  ['invalid', 'bad'],
  ['pending', 'pending'],
  ['unknown', 'off'],
];

/** How many devices are as they should be. Without a legend the numbers that matter stand below it. */
export const VerdictBar = ({
  total,
  verdicts,
  supervisionId,
  legend = true,
}: {
  readonly total: number;
  readonly verdicts: Supervision['verdicts'];
  /** Then the numbers of the legend lead to their devices. */
  readonly supervisionId?: string | null | undefined;
  readonly legend?: boolean;
}) => (
  <>
    <PartBar
      label="Devices as they should be"
      total={total}
      legend={legend}
      parts={FILLS.map(([name, fill]) => ({
        name,
        value: verdicts[name],
        fill,
        ...(supervisionId == null
          ? {}
          : {
              link: (text) => (
                <AnchorLink to="/supervisions/$id" params={{ id: supervisionId }} search={{ verdict: name }}>
                  {text}
                </AnchorLink>
              ),
            }),
      }))}
    />
    {legend && <VerdictWords verdicts={verdicts} />}
  </>
);

/** What the two verdicts mean that are told by no word. */
export const VerdictWords = ({ verdicts }: Pick<Supervision, 'verdicts'>) => (
  <>
    {verdicts.pending > 0 && (
      <Text c="dimmed">Pending: nothing contradicts, and the device has not reported all of it yet.</Text>
    )}
    {verdicts.unknown > 0 && (
      <Text c="dimmed">Unknown: the device has never said anything of its configuration.</Text>
    )}
  </>
);

/** The number beside a bar that has no legend. */
export const OfAll = ({ part, total }: { readonly part: number; readonly total: number }) => (
  <span className="dim">
    {count(part)} of {count(total)}
  </span>
);
