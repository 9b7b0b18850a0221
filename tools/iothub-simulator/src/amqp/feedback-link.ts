import type { Hub } from '../hub/hub.js';
import { dataSection, types, type EventContext, type Sender } from './rhea.js';

/**
 * Gives feedback to one service. A message stays until it is accepted; what was not, another receiver gets. Returns how to end.
 */
export const serveFeedback = (hub: Hub, sender: Sender): (() => void) => {
  const ids = new Map<unknown, string>();
  const receiver = {};

  const send = (): void => {
    if (!sender.sendable()) return;
    const found = hub.feedback.lock(receiver);
    if (found === undefined) return;
    const enqueuedAt = types.wrap_timestamp(found.enqueuedAt);
    const delivery = sender.send({
      message_id: found.id,
      content_type: 'application/vnd.microsoft.iothub.feedback.json',
      content_encoding: 'utf-8',
      creation_time: new Date(found.enqueuedAt),
      message_annotations: { 'iothub-enqueuedtime': enqueuedAt, 'x-opt-enqueued-time': enqueuedAt },
      body: dataSection(Buffer.from(JSON.stringify(found.records))),
    });
    ids.set(delivery, found.id);
    // One a turn: credit is counted down when frames are written.
    setImmediate(send);
  };
  const settled =
    (settle: (id: string) => void) =>
    ({ delivery }: EventContext): void => {
      const id = ids.get(delivery);
      ids.delete(delivery);
      if (id !== undefined) settle(id);
    };

  sender.on('sendable', send);
  sender.on(
    'accepted',
    settled((id) => hub.feedback.complete(id)),
  );
  sender.on(
    'rejected',
    settled((id) => hub.feedback.complete(id)),
  );
  sender.on(
    'released',
    settled((id) => hub.feedback.release(id)),
  );
  const endListening = hub.onFeedback(send);
  return () => {
    endListening();
    sender.removeListener('sendable', send);
    hub.feedback.releaseAll(receiver);
  };
};
