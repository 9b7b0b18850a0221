import type { MqttClient } from 'mqtt';

/**
 * By QoS 1, until it is acknowledged, as a device does that wants its message taken: mqtt.js gives up what it was handed while it sent older
 * messages again, when its connection ends once more meanwhile, and says so to its callback alone.
 */
export const publishUntilTaken = (
  client: MqttClient,
  topic: string,
  payload: string,
  taken: () => void,
): void => {
  client.publish(topic, payload, { qos: 1 }, (error) => {
    if (error == null) taken();
    // Not at once: it is among those that the client is giving up at this moment.
    else if (!client.disconnecting) setImmediate(() => publishUntilTaken(client, topic, payload, taken));
  });
};
