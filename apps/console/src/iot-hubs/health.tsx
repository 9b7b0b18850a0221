import { Moment } from '../shared/moment.js';
import { StateMark } from '../shared/state-mark.js';
import type { Hub } from './iot-hubs.queries.js';

/** How a hub is, since or until when, and why. */
export const Health = ({ health }: { readonly health: Hub['health'] }) => {
  if (health === undefined) return <StateMark state="unknown" />;
  const { state, message, since, until } = health;
  return (
    <>
      <StateMark state={`hub_${state}`} />
      {since !== undefined && (
        <>
          {' '}
          since <Moment at={since} />
        </>
      )}
      {until !== undefined && (
        <>
          {' '}
          until <Moment at={until} />
        </>
      )}
      {message !== undefined && <div className="dim">{message}</div>}
    </>
  );
};
