import type { Hub } from '../hub/hub.js';
import type { EventContext, Sender } from './rhea.js';
import { dataSection, types } from './rhea.js';

/** Gives feedback to one service. A message stays until it is accepted; what was not, another receiver gets. */
export class FeedbackLink {
  private readonly endListening: () => void;
  private readonly ids = new Map<unknown, string>();

  constructor(
    private readonly hub: Hub,
    private readonly sender: Sender,
  ) {
    this.endListening = hub.onFeedback(() => this.send());
    sender.on('sendable', () => this.send());
    sender.on('accepted', (event: EventContext) => this.settled(event, true));
    sender.on('rejected', (event: EventContext) => this.settled(event, true));
    sender.on('released', (event: EventContext) => this.settled(event, false));
  }

  close(): void {
    this.endListening();
    this.hub.feedback.releaseAll(this);
  }

  private send(): void {
    if (!this.sender.sendable()) return;
    const found = this.hub.feedback.lock(this);
    if (found === undefined) return;
    const delivery = this.sender.send({
      message_id: found.id,
      content_type: 'application/vnd.microsoft.iothub.feedback.json',
      content_encoding: 'utf-8',
      creation_time: new Date(found.enqueuedAt),
      message_annotations: {
        'iothub-enqueuedtime': types.wrap_timestamp(found.enqueuedAt),
        'x-opt-enqueued-time': types.wrap_timestamp(found.enqueuedAt),
      },
      body: dataSection(Buffer.from(JSON.stringify(found.records))),
    });
    this.ids.set(delivery, found.id);
    // One a turn: credit is counted down when frames are written.
    setImmediate(() => this.send());
  }

  private settled({ delivery }: EventContext, isDone: boolean): void {
    const id = this.ids.get(delivery);
    if (id === undefined) return;
    this.ids.delete(delivery);
    if (isDone) this.hub.feedback.complete(id);
    else this.hub.feedback.release(id);
  }
}
