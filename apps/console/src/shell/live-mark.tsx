import { useLiveness } from '../api/live.js';
import { StateMark } from '../shared/state-mark.js';

/** Whether what is shown moves by itself. */
export const LiveMark = () => {
  const liveness = useLiveness();
  return (
    <span className="live-mark" data-liveness={liveness}>
      {liveness !== 'idle' && <StateMark state={liveness} />}
    </span>
  );
};
