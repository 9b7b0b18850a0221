import type { Schema } from '../api/client.js';
import { count } from '../shared/format.js';
import { StateMark, syncState } from '../shared/state-mark.js';

interface Counter {
  readonly state: string;
  readonly word?: string;
  readonly devices: number;
  readonly selector: string;
  readonly comparison: string;
}

/** How many devices of the filter are in which state; each narrows the filter to them. */
export const Counters = ({
  summary: { connectivity, syncStates },
  onNarrow,
}: {
  readonly summary: Schema<'FleetSummary'>;
  readonly onNarrow: (selector: string, comparison: string) => void;
}) => {
  const connections: readonly Counter[] = [
    {
      state: 'online',
      devices: connectivity.connected,
      selector: 'connected',
      comparison: 'connected==true',
    },
    {
      state: 'offline',
      devices: connectivity.disconnected,
      selector: 'connected',
      comparison: 'connected==false;lastSeenAt=exists=true',
    },
    {
      state: 'no_connection',
      devices: connectivity.unknown,
      selector: 'connected',
      comparison: 'connected=exists=false;lastSeenAt=exists=true',
    },
    {
      state: 'offline',
      word: 'never seen',
      devices: connectivity.neverSeen,
      selector: 'lastSeenAt',
      comparison: 'lastSeenAt=exists=false',
    },
  ];
  const states: readonly Counter[] = Object.entries(syncStates).map(([state, devices]) => ({
    state: syncState(state),
    devices,
    selector: 'syncState',
    comparison: `syncState==${state}`,
  }));
  return (
    <div className="counters">
      {[...connections, ...states]
        .filter(({ devices }) => devices > 0)
        .map(({ state, word, devices, selector, comparison }) => (
          <button
            type="button"
            key={comparison}
            className="counter"
            title={`Only ${comparison}`}
            onClick={() => onNarrow(selector, comparison)}
          >
            <b>{count(devices)}</b> <StateMark state={state} {...(word === undefined ? {} : { word })} />
          </button>
        ))}
    </div>
  );
};
