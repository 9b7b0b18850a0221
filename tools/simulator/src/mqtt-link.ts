import { formatTopic, parseTopic } from '@muster/kp1';
import { connect, type MqttClient } from 'mqtt';
import type { Identity, Link, LinkListener } from './link.js';
import type { Cancel, Scheduler } from './scheduler.js';

export interface MqttSettings {
  readonly url: string;
  readonly qos: 0 | 1;
  readonly scheduler: Scheduler;
}

const KEEPALIVE_SECONDS = 60;
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * Whatever the platform says to a token, and nothing of what the token says itself: the resources of kp1 have one, two or
 * three levels before the suffix, with a request id. Five subscriptions, where one for each resource would be twenty.
 */
const subscriptions = ({ appVersion, token }: Identity): string[] =>
  ['+/error', '+/+/status', '+/+/error', '+/+/+/status', '+/+/+/error'].map(
    (rest) => `kp1/${appVersion}/+/${token}/${rest}`,
  );

/** One connection, for a device or for all devices of a gateway. Session: clean. Does not reconnect by itself. */
export const mqttLink = (
  { url, qos, scheduler }: MqttSettings,
  clientId: string,
  devices: readonly Identity[],
  listener: LinkListener,
): Link => {
  let client: MqttClient | undefined;
  const open = (): void => {
    const opened = connect(url, {
      clientId,
      clean: true,
      protocolVersion: 4,
      reconnectPeriod: 0, // who returns when is the fleet's business
      connectTimeout: CONNECT_TIMEOUT_MS,
      keepalive: KEEPALIVE_SECONDS,
      reschedulePings: false,
      resubscribe: false,
      queueQoSZero: false,
      timerVariant: sharedTimers(scheduler),
    });
    client = opened;
    let why = 'the broker closed the connection';
    let isOver = false;
    const over = (): void => {
      // A client that was closed on purpose says so too.
      if (isOver || client !== opened) return;
      isOver = true;
      client = undefined;
      opened.end(true);
      listener.down(why);
    };
    opened.on('error', (error) => {
      why = 'code' in error ? `${String(error.code)} ${error.message}` : error.message;
    });
    opened.on('close', over);
    opened.on('connect', () => {
      opened.subscribe(devices.flatMap(subscriptions), { qos }, (error, granted) => {
        if (client !== opened) return;
        if (error === null && granted?.every((one) => one.qos !== 128) === true) {
          listener.up();
          return;
        }
        if (opened.connected) why = 'the broker refused a subscription';
        over();
      });
    });
    opened.on('message', (topic, payload) => listener.received(parseTopic(topic), payload));
  };
  return {
    open,
    close: (abruptly) => {
      const closing = client;
      client = undefined;
      closing?.end(abruptly);
    },
    publish: (topic, payload) => {
      client?.publish(formatTopic(topic), payload, { qos }, (error) => {
        // Cut off: told by `down`.
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
