import { DATABASE_NAME, DATABASE_USER } from './postgres.js';
import { AMQP_USER, FRONT_USER } from './rabbitmq.js';
import type { Secrets } from './secrets.js';
import type { Settings } from './settings.js';

/** Where everything is reached; with the passwords that it takes. */
export type Urls = {
  readonly database: string;
  readonly nats: string;
  readonly amqp: string;
  /** RabbitMQ's, for the door. */
  readonly brokerMqtt: string;
  readonly mqtt: string;
  readonly mqtts: string;
  readonly gateway: string;
  readonly httpDevices: string;
};

export const urlsOf = ({ given, ports }: Settings, secrets: Secrets): Urls => ({
  database:
    given.database ??
    `postgres://${DATABASE_USER}:${secrets.databasePassword}@127.0.0.1:${ports.postgres}/${DATABASE_NAME}`,
  nats: given.nats ?? `nats://127.0.0.1:${ports.nats}`,
  amqp: given.amqp ?? `amqp://${AMQP_USER}:${secrets.amqpPassword}@127.0.0.1:${ports.amqp}`,
  brokerMqtt:
    given.brokerMqtt ??
    `mqtt://${FRONT_USER}:${secrets.frontPassword}@${given.amqp === undefined ? '127.0.0.1' : new URL(given.amqp).hostname}:${given.amqp === undefined ? ports.brokerMqtt : 1_883}`,
  mqtt: given.mqtt ?? `mqtt://127.0.0.1:${ports.mqtt}`,
  mqtts: `mqtts://127.0.0.1:${ports.mqtts}`,
  gateway: `http://127.0.0.1:${ports.gateway}`,
  httpDevices: `http://127.0.0.1:${ports.httpDevices}`,
});
