import type { Hub } from '../hub/hub.js';
import { types, type Message } from './rhea.js';

/** Answers READ of an event hub or of one of its partitions, as the Event Hubs SDKs ask at `$management`. */
export const manage = (
  hub: Hub,
  { application_properties: asked = {} }: Message,
  isAuthorized: (token: string) => boolean,
): Message => {
  if (!isAuthorized(String(asked['security_token'] ?? ''))) {
    return refusal(401, 'The security token is not valid', 'amqp:unauthorized-access');
  }
  const { events } = hub;
  if (String(asked['name'] ?? '').toLowerCase() !== events.name.toLowerCase()) {
    return refusal(404, `The event hub ${String(asked['name'])} could not be found`, 'amqp:not-found');
  }
  if (asked['type'] === 'com.microsoft:eventhub') {
    return answer({
      name: events.name,
      type: 'com.microsoft:eventhub',
      created_at: new Date(events.createdAt),
      partition_count: events.partitionIds.length,
      partition_ids: types.wrap_array([...events.partitionIds], STRING, undefined),
      georeplication_factor: 1,
    });
  }
  const partitionId = String(asked['partition'] ?? '');
  const log = events.partition(partitionId);
  if (asked['type'] !== 'com.microsoft:partition' || log === undefined) {
    return refusal(404, `The partition ${partitionId} could not be found`, 'amqp:not-found');
  }
  const { last } = log;
  return answer({
    name: events.name,
    type: 'com.microsoft:partition',
    partition: partitionId,
    begin_sequence_number: types.wrap_long(log.isEmpty ? last.sequenceNumber : log.firstSequenceNumber),
    last_enqueued_sequence_number: types.wrap_long(last.sequenceNumber),
    last_enqueued_offset: String(last.offset),
    last_enqueued_time_utc: new Date(last.enqueuedAt),
    is_partition_empty: log.isEmpty,
  });
};

/** AMQP's type code of a string. */
const STRING = 0xa1;

const answer = (body: Readonly<Record<string, unknown>>): Message => ({
  application_properties: { 'status-code': 200, 'status-description': 'OK' },
  body,
});

const refusal = (code: number, description: string, condition: string): Message => ({
  application_properties: {
    'status-code': code,
    'status-description': description,
    'error-condition': condition,
  },
  body: '',
});
