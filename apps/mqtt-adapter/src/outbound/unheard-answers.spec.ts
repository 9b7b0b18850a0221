import { describe, expect, it } from '@jest/globals';
import { createLogger, createMetrics } from '@muster/observability';
import type { DownlinkMessage } from '../broker/rabbitmq-connection.js';
import { UnheardAnswers, type UnheardLimits } from './unheard-answers.js';

const LIMITS: UnheardLimits = {
  answerSeconds: 5,
  answersPerToken: 3,
  answerBytesPerToken: 1_000,
  answerBytes: 2_000,
};
const keyOf = (id: number, token = 'tok1') => `kp1.v1.dcx.${token}.json.${id}.status`;

/** A broker that knows who is subscribed to what; `during` happens while a message is on its way. */
const scene = (limits: Partial<UnheardLimits> = {}) => {
  const got: string[] = [];
  const patterns = new Set<string>();
  const broker = {
    during: (): void => undefined,
    publish: async ({ routingKey, mandatory }: DownlinkMessage): Promise<'routed' | 'no-route'> => {
      const isRouted = patterns.size > 0;
      await Promise.resolve();
      broker.during();
      expect(mandatory).toBe(true);
      if (isRouted) got.push(routingKey);
      return isRouted ? 'routed' : 'no-route';
    },
  };
  const logger = createLogger({ service: 'test', level: 'silent' });
  const answers = new UnheardAnswers(broker, { ...LIMITS, ...limits }, logger, createMetrics('test'));
  return {
    got,
    broker,
    answers,
    ask: (routingKey: string, body = '', expiresAt?: string) =>
      answers.publish({ routingKey, body, qos: 1, askedAt: 1_000, expiresAt }),
    subscribe: async (pattern: string) => {
      patterns.add(pattern);
      const headers = { source_name: 'amq.topic', routing_key: pattern };
      answers.follow({ name: 'binding.created', headers, redelivered: false });
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
};

describe('an answer', () => {
  it('that somebody is subscribed to goes out, and is not kept', async () => {
    const { ask, subscribe, got } = scene();
    await subscribe('kp1.v1.dcx.tok1.#');
    await ask(keyOf(1));
    await subscribe('kp1.v1.*.tok1.#');
    expect(got).toEqual([keyOf(1)]);
  });

  it('that nobody is subscribed to comes with the subscription that fits it, once and in order', async () => {
    const { ask, subscribe, got } = scene();
    for (const id of [1, 2]) await ask(keyOf(id));
    await subscribe('kp1.v1.cmx.tok1.#');
    await subscribe('kp1.v1.dcx.tok2.#');
    expect(got).toEqual([]);
    await subscribe('kp1.v1.dcx.tok1.json.*.status');
    await subscribe('kp1.v1.dcx.tok1.#');
    expect(got).toEqual([keyOf(1), keyOf(2)]);
  });

  it('that comes back after the subscription was told is sent again', async () => {
    const { ask, subscribe, got, broker } = scene();
    broker.during = () => {
      broker.during = () => undefined;
      void subscribe('kp1.v1.dcx.tok1.#');
    };
    await ask(keyOf(1));
    expect(got).toEqual([keyOf(1)]);
  });

  it('is kept no longer than it is worth, and not at all where that is wanted', async () => {
    const short = scene({ answerSeconds: 0.02 });
    await short.ask(keyOf(1));
    const never = scene({ answerSeconds: 0 });
    await never.ask(keyOf(1));
    const late = scene();
    await late.ask(keyOf(1), '', new Date(Date.now() + 20).toISOString());
    await new Promise((resolve) => setTimeout(resolve, 40));
    for (const { subscribe, got } of [short, never, late]) {
      await subscribe('kp1.v1.dcx.tok1.#');
      expect(got).toEqual([]);
    }
  });

  it('gives way, the oldest first, to more of its token than are kept, and to more than there is room for', async () => {
    const many = scene();
    for (const id of [1, 2, 3, 4, 5]) await many.ask(keyOf(id));
    await many.subscribe('kp1.v1.dcx.tok1.#');
    expect(many.got).toEqual([3, 4, 5].map((id) => keyOf(id)));
    const large = scene();
    for (const id of [1, 2]) await large.ask(keyOf(id), 'x'.repeat(600));
    await large.ask(keyOf(3), 'x'.repeat(1_000));
    await large.subscribe('kp1.v1.dcx.tok1.#');
    expect(large.got).toEqual([keyOf(2)]);
    const all = scene();
    for (const token of ['a', 'b', 'c']) await all.ask(keyOf(1, token), 'x'.repeat(900));
    for (const token of ['a', 'b', 'c']) await all.subscribe(`kp1.v1.dcx.${token}.#`);
    expect(all.got).toEqual([keyOf(1, 'b'), keyOf(1, 'c')]);
  });

  it('says since when its subscription has what was asked for, where that is offered as well', async () => {
    const { ask, subscribe, answers } = scene();
    await ask('kp1.v1.cex.tok1.command.reboot.7.status');
    await ask('kp1.v1.dcx.tok2.json.7.status');
    for (const token of ['tok1', 'tok2']) await subscribe(`kp1.v1.*.${token}.#`);
    expect(answers.answeredSince('kp1.v1.*.tok1.#')).toBe(1_000);
    expect(answers.answeredSince('kp1.v1.*.tok2.#')).toBeUndefined();
  });
});
