import { formatTopic, parseTopic } from '@muster/kp1';
import { connect, type MqttClient } from 'mqtt';
import type { Identity, Link, LinkListener, OpenLink } from './link.js';
import type { Cancel, Scheduler } from './scheduler.js';

export interface MqttSettings {
  readonly url: string;
  readonly qos: 0 | 1;
  /** Some messages have no request id, so that errors about them come without one. */
  readonly errorsWithoutId: boolean;
  readonly scheduler: Scheduler;
}

const KEEPALIVE_SECONDS = 60;
const CONNECT_TIMEOUT_MS = 30_000;
/** For the last PUBACKs and the DISCONNECT of a connection that ends politely. */
const GOODBYE_MS = 1_000;

/**
 * Whatever the platform says to a token, and nothing of what the token says itself: resources have one or two levels
 * (`json`, `config/json`), then perhaps a request id, then the suffix. Four subscriptions, where one for each resource
 * would be twenty: the broker asks for permission for each of them.
 */
const subscriptions = ({ appVersion, token }: Identity, errorsWithoutId: boolean): string[] =>
  ['+/+/status', '+/+/error', '+/+/+/status', '+/+/+/error', ...(errorsWithoutId ? ['+/error'] : [])].map(
    (rest) => `kp1/${appVersion}/+/${token}/${rest}`,
  );

/**
 * Opens links of one connection each, for a device or for all devices of a gateway. Sessions are clean; who returns when
 * is not their business. `close` is for the end of a run: resolves when all that said goodbye are gone.
 */
export const mqttLinks = (settings: MqttSettings): { open: OpenLink; close: () => Promise<void> } => {
  const leaving = new Set<MqttClient>();
  const destroy = (client: MqttClient): void => {
    leaving.delete(client);
    client.stream.destroy();
  };
  const leave = (client: MqttClient): void => {
    leaving.add(client);
    client.on('close', () => leaving.delete(client));
    client.end(); // waits for what is in flight, for ever if need be
    settings.scheduler.after(GOODBYE_MS, () => destroy(client));
  };
  return {
    open: (clientId, devices, listener) => mqttLink(settings, clientId, devices, listener, leave),
    close: async () => {
      const deadline = performance.now() + GOODBYE_MS;
      while (leaving.size > 0 && performance.now() < deadline) await nextTurn();
      for (const client of leaving) destroy(client);
    },
  };
};

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

const mqttLink = (
  { url, qos, errorsWithoutId, scheduler }: MqttSettings,
  clientId: string,
  devices: readonly Identity[],
  listener: LinkListener,
  leave: (client: MqttClient) => void,
): Link => {
  let client: MqttClient | undefined;
  const open = (): void => {
    const opened = connect(url, {
      clientId,
      clean: true,
      protocolVersion: 4,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      keepalive: KEEPALIVE_SECONDS,
      reschedulePings: false,
      resubscribe: false,
      queueQoSZero: false,
      timerVariant: sharedTimers(scheduler),
    });
    client = opened;
    let why = 'the broker closed the connection';
    const over = (): void => {
      // Also comes after `close`, and twice.
      if (client !== opened) return;
      client = undefined;
      opened.end(true);
      listener.down(why);
    };
    opened.on('error', (error) => {
      why = error.message;
    });
    opened.on('close', over);
    opened.on('connect', () => {
      const topics = devices.flatMap((device) => subscriptions(device, errorsWithoutId));
      opened.subscribe(topics, { qos }, (error, granted) => {
        if (client !== opened) return;
        if (!error && granted?.every((one) => one.qos !== 128) === true) {
          listener.up();
          return;
        }
        if (opened.connected) why = 'the broker refused a subscription';
        over();
      });
    });
    opened.on('message', (topic, payload) => {
      if (client === opened) listener.received(parseTopic(topic), payload);
    });
  };
  return {
    open,
    close: (abruptly) => {
      const closing = client;
      client = undefined;
      if (closing === undefined) return;
      if (abruptly) closing.end(true);
      else leave(closing);
    },
    publish: (topic, payload) => {
      client?.publish(formatTopic(topic), payload, { qos }, (error) => {
        if (qos === 1 && !error) listener.acknowledged();
      });
    },
  };
};

/** The library's keep-alive, two wake-ups a minute for each connection, on the timer that all devices share. */
const sharedTimers = (
  scheduler: Scheduler,
): { set: (task: () => void, periodMs: number) => number; clear: (id: unknown) => void } => {
  let cancel: Cancel = () => undefined;
  return {
    set: (task, periodMs) => {
      cancel = scheduler.every(periodMs, task);
      return 1; // a client has one
    },
    clear: () => cancel(),
  };
};
