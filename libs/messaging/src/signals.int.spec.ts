import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { defineSignal } from '@muster/contracts';
import { createLogger } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { IsInt } from 'class-validator';
import { connectBus, hearSignals, sendSignal, type Bus } from './index.js';

class Counted {
  @IsInt()
  n!: number;
}
class Uncounted {
  n!: string;
}

const subject = 'muster.v1.signal.spec.thing.counted';
const counted = defineSignal({ subject, data: Counted });
const logger = createLogger({ service: 'spec', level: 'silent' });

let nats: NatsServer;
const buses: Bus[] = [];

beforeAll(async () => {
  nats = await startNats();
  for (const name of ['one', 'other']) buses.push(await connectBus({ url: nats.url, name, logger }));
});

afterAll(async () => {
  for (const bus of buses) await bus.close();
  await nats.stop();
});

describe('a signal', () => {
  it('is heard by every process, the sender too, until it does not listen any more; what is none is passed over', async () => {
    const heard = buses.map((): number[] => []);
    const [sender] = buses;
    if (sender === undefined) throw new Error('no bus');
    const stops = buses.map((bus, nth) =>
      hearSignals(bus, counted, { logger, onSignal: ({ n }) => heard[nth]?.push(n) }),
    );
    await eventually(
      () => {
        sendSignal(sender, counted, { n: 0 });
        return heard.every((one) => one.length > 0);
      },
      { what: 'both listen' },
    );
    sendSignal(sender, defineSignal({ subject, data: Uncounted }), { n: 'none' });
    sendSignal(sender, counted, { n: 1 });
    await eventually(() => heard.every((one) => one.includes(1)), { what: 'both have heard it' });
    stops[1]?.();
    sendSignal(sender, counted, { n: 2 });
    await eventually(() => heard[0]?.includes(2));
    expect(heard.map((one) => one.filter((n) => n > 0))).toEqual([[1, 2], [1]]);
    stops[0]?.();
  });
});
