/**
 * What `npm test` hands to every test process. A spec that needs a server
 * fails with one sentence when it is run by other means, instead of
 * connecting to whatever happens to listen on a standard port.
 */
export const requireTestVariable = (name: string): string => {
  const value = process.env[name];
  if (value === undefined || value === '') {
    throw new Error(
      `${name} is not set. Run this spec through \`npm test -- <part of its path>\`, which starts the servers.`,
    );
  }
  return value;
};

/** `mqtt://127.0.0.1:<port>` where the door of a platform under test listens; one at a time. Only in e2e specs. */
export const mqttUrl = (): string => requireTestVariable('MUSTER_TEST_MQTT_URL');

/** `amqp://user:password@127.0.0.1:<port>` of the run's RabbitMQ, a user with all rights. Only in e2e specs. */
export const amqpUrl = (): string => requireTestVariable('MUSTER_TEST_AMQP_URL');

/** `mqtt://user:password@127.0.0.1:<port>` of the run's RabbitMQ, which only doors use. Only in e2e specs. */
export const brokerMqttUrl = (): string => requireTestVariable('MUSTER_TEST_BROKER_MQTT_URL');

/** By this the run finds and stops what a killed test process left behind; give it to every process that gets an environment of its own. */
export const runMark = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ MUSTER_INSTANCE: process.env['MUSTER_INSTANCE'], MUSTER_SERVER: 'test' }).flatMap(
      ([name, value]) => (value === undefined ? [] : [[name, value]]),
    ),
  );
