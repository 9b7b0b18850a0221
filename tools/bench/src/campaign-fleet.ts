import type { MqttClient } from 'mqtt';
import { callAll } from './call-all.js';
import type { BenchDevice } from './platform.js';

/** Obeys, refuses for good, or is busy at its first document and obeys when it is offered again. */
export type Habit = 'obeys' | 'refuses' | 'busy';

export interface Connected {
  readonly device: BenchDevice;
  readonly client: MqttClient;
  readonly habit: Habit;
  /** Of the last document it was sent. */
  configId: string;
  documents: number;
}

const SUBSCRIBERS = 20;

/** One in ten refuses, one in twenty is busy. */
const habitOf = (nth: number): Habit => (nth % 10 === 3 ? 'refuses' : nth % 20 === 7 ? 'busy' : 'obeys');

/** Connected devices wait for their document and answer it. */
export const answerDocuments = (
  clients: readonly { readonly device: BenchDevice; readonly client: MqttClient }[],
): Promise<Connected[]> =>
  callAll([...clients.entries()], SUBSCRIBERS, async ([nth, { device, client }]) => {
    const state: Connected = { device, client, habit: habitOf(nth), configId: '', documents: 0 };
    const topic = (rest: string): string => `kp1/${device.appVersion}/cmx/${device.token}/${rest}`;
    client.on('message', (_topic, payload) => {
      const { configId } = JSON.parse(payload.toString()) as { configId: string };
      state.configId = configId;
      state.documents += 1;
      const statusCode = statusOf(state);
      client.publish(topic('applied/json'), JSON.stringify({ configId, statusCode }), { qos: 1 });
    });
    await client.subscribeAsync(topic('config/json/status'), { qos: 1 });
    return state;
  });

const statusOf = ({ habit, documents }: Connected): number => {
  if (habit === 'refuses') return 400;
  return habit === 'busy' && documents === 1 ? 503 : 200;
};
