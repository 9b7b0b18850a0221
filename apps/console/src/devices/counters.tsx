import type { Schema } from '../api/client.js';
import { count } from '../shared/format.js';
import { StateMark, syncState } from '../shared/state-mark.js';
import { CONNECTION_FILTERS, connectionsOf } from './connection-filter.js';

interface Counter {
  readonly state: string;
  readonly devices: number;
  readonly selector: string;
  readonly comparison: string;
}

/** How many devices of the filter are in which state; each narrows the filter to them. */
export const Counters = ({
  summary,
  onNarrow,
}: {
  readonly summary: Schema<'FleetSummary'>;
  readonly onNarrow: (selector: string, comparison: string) => void;
}) => {
  const connections = connectionsOf(summary).map(([state, devices]): Counter => ({
    state,
    devices,
    selector: 'connected',
    comparison: CONNECTION_FILTERS[state],
  }));
  const states: readonly Counter[] = Object.entries(summary.syncStates).map(([state, devices]) => ({
    state: syncState(state),
    devices,
    selector: 'syncState',
    comparison: `syncState==${state}`,
  }));
  return (
    <div className="counters">
      {[...connections, ...states]
        .filter(({ devices }) => devices > 0)
        .map(({ state, devices, selector, comparison }) => (
          <button
            type="button"
            key={comparison}
            className="counter"
            title={`Only ${comparison}`}
            onClick={() => onNarrow(selector, comparison)}
          >
            <b>{count(devices)}</b> <StateMark state={state} />
          </button>
        ))}
    </div>
  );
};
