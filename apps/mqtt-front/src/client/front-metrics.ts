import type { Metrics } from '@muster/observability';
import type { DisconnectReason } from '../presence/presence.js';

/** What the front counts. */
export class FrontMetrics {
  readonly connects;
  readonly closed;
  readonly publishes;
  readonly filters;
  readonly retained;
  readonly rests;

  constructor(metrics: Metrics) {
    this.connects = metrics.counter('muster_mqtt_front_connects_total', 'CONNECTs of clients', [
      'transport',
      'outcome',
    ]);
    this.closed = metrics.counter<'reason'>(
      'muster_mqtt_front_closed_total',
      'Connections that ended, by reason; with a device or without',
      ['reason'],
    );
    this.publishes = metrics.counter('muster_mqtt_front_publishes_total', 'PUBLISHes of clients', [
      'outcome',
    ]);
    this.filters = metrics.counter('muster_mqtt_front_filters_total', 'Filters that clients subscribed to', [
      'outcome',
    ]);
    this.retained = metrics.counter(
      'muster_mqtt_front_retain_removed_total',
      'PUBLISHes and wills whose retain flag was taken away',
    );
    this.rests = metrics.counter(
      'muster_mqtt_front_rests_total',
      'Times that a client was not read for a while, being too fast',
      ['limit'],
    );
  }

  ended(reason: DisconnectReason): void {
    this.closed.inc({ reason });
  }
}
