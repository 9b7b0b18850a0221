import { count, percent } from '../shared/format.js';
import { Moment, useNow } from '../shared/moment.js';
import { ActorName } from '../shared/actor.js';
import { PartBar } from '../shared/part-bar.js';
import { StateMark } from '../shared/state-mark.js';
import { Countdown } from './countdown.js';
import type { Campaign, Statistics } from './campaigns.queries.js';
import {
  answeredAt,
  batchState,
  chosenBy,
  gateRule,
  gateStanding,
  outcomeOf,
  wentHow,
  type GateStanding,
} from './numbers.js';
import { Table } from '../shared/table.js';

const ANSWERS = { pass: 'passed', fail: 'failed', inconclusive: 'inconclusive' } as const;

/** Each batch: how many, how it goes, what its gate asks and has answered, when it went or will go. */
export const Batches = ({
  campaign,
  statistics,
  chosen,
  onChoose,
}: {
  readonly campaign: Campaign;
  readonly statistics: Statistics | undefined;
  readonly chosen: number | undefined;
  readonly onChoose: (batch: number | undefined) => void;
}) => {
  const now = useNow();
  // What was cancelled releases no batch any more.
  const isOver = campaign.status === 'cancelled';
  const next = campaign.batches.find(({ status }) => status === 'waiting' || status === 'planned')?.index;
  // In other phases it is about the batch that is out, not about the next one.
  const releasesAt =
    campaign.phase === 'awaiting_spacing' || campaign.phase === 'outside_window' ? campaign.nextAt : null;
  return (
    <Table
      isCards
      head={
        <>
          <th style={{ minWidth: 120 }}>Batch</th>
          <th className="right">Devices</th>
          <th>State</th>
          <th style={{ minWidth: 170 }}>How they went</th>
          <th>Gate</th>
          <th>Released</th>
        </>
      }
    >
      {campaign.batches.map((batch) => {
        const counts = statistics?.batches.find(({ index }) => index === batch.index)?.byStatus ?? {};
        const outcome = outcomeOf(counts);
        const { succeeded, bad, inProgress, leftOut } = outcome;
        return (
          <tr key={batch.index} className={chosen === batch.index ? 'changed' : undefined}>
            <td className="anywhere" data-label="Batch">
              <button
                type="button"
                className="cell-button"
                aria-pressed={chosen === batch.index}
                title="Only the devices of this batch"
                onClick={() => onChoose(chosen === batch.index ? undefined : batch.index)}
              >
                <b>{batch.index}</b>
              </button>{' '}
              <span className="dim">{chosenBy(batch, campaign)}</span>
            </td>
            <td className="right" data-label="Devices">
              {batch.size === null ? '–' : count(batch.size)}
            </td>
            <td data-label="State">
              <StateMark state={isOver && isPlanned(batch) ? 'cancelled' : batchState(batch, counts)} />
            </td>
            <td>
              {batch.size !== null && batch.size > 0 && (
                <>
                  <PartBar
                    label={`Batch ${batch.index}`}
                    total={batch.size}
                    legend={false}
                    parts={[
                      { name: 'succeeded', value: succeeded, fill: 'ok' },
                      { name: 'failed or timed out', value: bad, fill: 'bad' },
                      { name: 'in progress', value: inProgress, fill: 'pending' },
                      { name: 'left out', value: leftOut, fill: 'off' },
                    ]}
                  />
                  <span className="dim">{wentHow(outcome)}</span>
                </>
              )}
            </td>
            <td className="anywhere" data-label="Gate">
              {batch.gate !== undefined && (
                <>
                  {gateRule(batch.gate)}
                  {batch.verdict === undefined ? (
                    <GateNow standing={gateStanding(batch, counts, now)} />
                  ) : (
                    <div>
                      <StateMark
                        state={
                          batch.verdict.answer === 'pass'
                            ? 'passed'
                            : batch.verdict.answer === 'fail'
                              ? 'failed'
                              : 'unknown'
                        }
                        word={ANSWERS[batch.verdict.answer]}
                      />{' '}
                      <span className="dim">{answeredAt(batch.verdict, batch.size)}</span>
                    </div>
                  )}
                </>
              )}
            </td>
            <td data-label="Released">
              {batch.releasedAt !== undefined ? (
                <>
                  <Moment at={batch.releasedAt} clock />
                  {batch.releasedBy !== undefined && (
                    <div className="dim">
                      by <ActorName actor={batch.releasedBy} />
                    </div>
                  )}
                </>
              ) : isOver ? (
                <span className="dim">never</span>
              ) : batch.release === 'manual' ? (
                'by hand'
              ) : releasesAt !== null && batch.index === next ? (
                <Countdown until={releasesAt} />
              ) : (
                <span className="dim">by itself</span>
              )}
            </td>
          </tr>
        );
      })}
    </Table>
  );
};

const isPlanned = ({ status }: Campaign['batches'][number]): boolean =>
  status === 'planned' || status === 'waiting';

/** The numbers that a gate waits with, and until when. */
const GateNow = ({ standing }: { readonly standing: GateStanding | undefined }) => {
  if (standing === undefined) return null;
  const { settled, needed, bad, soaksUntil, givesUpAt } = standing;
  return (
    <>
      <div>
        now {percent(bad, settled)} failed: {count(bad)} of {count(settled)} settled
        {settled < needed && `, ${count(needed)} needed`}
      </div>
      {soaksUntil !== undefined && (
        <div className="dim">
          watched, ends <Countdown until={soaksUntil} />
        </div>
      )}
      {givesUpAt !== undefined && (
        <div className="dim">
          without an answer it pauses <Countdown until={givesUpAt} />
        </div>
      )}
    </>
  );
};
