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

/** `mqtt://127.0.0.1:<port>` of the run's RabbitMQ. Only in e2e specs. */
export const mqttUrl = (): string => requireTestVariable('MUSTER_TEST_MQTT_URL');

/** `amqp://user:password@127.0.0.1:<port>` of the run's RabbitMQ, a user with all rights. Only in e2e specs. */
export const amqpUrl = (): string => requireTestVariable('MUSTER_TEST_AMQP_URL');

/** The port on which the run's RabbitMQ asks for `/auth/user` and so on; the mqtt-adapter under test must listen there. */
export const mqttAuthPort = (): number => Number(requireTestVariable('MUSTER_TEST_MQTT_AUTH_PORT'));

/** By this the run finds and stops what a killed test process left behind; give it to every process that gets an environment of its own. */
export const runMark = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ MUSTER_INSTANCE: process.env['MUSTER_INSTANCE'], MUSTER_SERVER: 'test' }).flatMap(
      ([name, value]) => (value === undefined ? [] : [[name, value]]),
    ),
  );
