import type { MqttClient } from 'mqtt';
import type pg from 'pg';
import { callAll } from './call-all.js';
import type { Counted, Expected } from './campaign-recount.js';
import { subscribeDevice, type BenchDevice } from './platform.js';

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
    await subscribeDevice(client, topic('config/json/status'));
    return state;
  });

const statusOf = ({ habit, documents }: Connected): number => {
  if (habit === 'refuses') return 400;
  return habit === 'busy' && documents === 1 ? 503 : 200;
};

/** With all that it should. */
export const hasAnswered = ({ habit, documents }: Connected): boolean =>
  documents >= (habit === 'busy' ? 2 : 1);

/** What the recount should find. */
export const expectedOf = (
  fleet: readonly Connected[],
  devices: number,
  batches: number,
): Omit<Expected, 'campaignId'> => {
  const having = (habit: Connected['habit']): number => fleet.filter((one) => one.habit === habit).length;
  return {
    devices,
    batches,
    succeeded: having('obeys') + having('busy'),
    failed: having('refuses'),
    busy: having('busy'),
  };
};

/** Whether connected devices hold what is on record as their document, and it is on record that they were sent it. */
export const documentsOf = async (database: pg.Client, fleet: readonly Connected[]): Promise<Counted[]> => {
  const { rows } = await database.query<{ stream: string; config_id: string; reached: boolean }>(
    `SELECT stream, state->>'configId' AS config_id, (state->'dispatched'->>'subscriber')::boolean
         AND state->'dispatched'->>'configId' = state->>'configId' AS reached
     FROM configuration.streams WHERE tenant_id = 'default' AND stream = ANY($1)`,
    [fleet.map(({ device }) => `configuration-${device.id}`)],
  );
  const latest = new Map(rows.map((row) => [row.stream, row.config_id]));
  const held = fleet.filter(({ device, configId }) => latest.get(`configuration-${device.id}`) === configId);
  return [
    ['connected devices that hold their latest document', fleet.length, held.length],
    ['connected devices on record as sent it', fleet.length, rows.filter(({ reached }) => reached).length],
  ];
};
