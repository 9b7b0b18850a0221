import type { Position } from '../hub/event-log.js';
import { HubError } from '../hub/hub-error.js';

/** Without a filter a reader begins with the oldest event. */
const EARLIEST: Position = { by: 'offset', value: -1, inclusive: false };

const FIELDS = {
  'x-opt-offset': 'offset',
  'x-opt-sequence-number': 'sequenceNumber',
  'x-opt-enqueued-time': 'enqueuedAt',
} as const;

/** Reads `amqp.annotation.x-opt-offset > '42'`, the selector that Event Hubs' clients send. Throws ArgumentInvalid. */
export const parsePosition = (filter: string | undefined): Position => {
  if (filter === undefined) return EARLIEST;
  const match =
    /^amqp\.annotation\.(x-opt-offset|x-opt-sequence-number|x-opt-enqueued-time)\s*(>=?)\s*'?(-?\d+|@latest)'?$/.exec(
      filter.trim(),
    );
  if (match === null) throw new HubError('ArgumentInvalid', `The filter ${filter} is not understood`);
  const [, annotation, operator, value] = match;
  if (value === '@latest') return { by: 'latest' };
  return {
    by: FIELDS[annotation as keyof typeof FIELDS],
    value: Number(value),
    inclusive: operator === '>=',
  };
};
