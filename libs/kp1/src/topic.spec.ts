import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  formatRoutingKey,
  formatTopic,
  isRequestId,
  matchesBinding,
  patternsOverlap,
  parseRoutingKey,
  parseTopic,
  pushTopic,
  replyTopic,
  type Topic,
} from './topic.js';

const level = fc
  .stringMatching(/^[A-Za-z0-9_~-]{1,20}$/)
  .filter((text) => text !== 'status' && text !== 'error');
const pathLevel = level.filter((text) => !isRequestId(text));
const requestId = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 31 - 1 }).map(String),
  fc.integer({ min: 0, max: 999 }).map((id) => String(id).padStart(7, '0')),
);
const topics: fc.Arbitrary<Topic> = fc
  .record({
    appVersion: level,
    extension: level,
    token: level,
    path: fc.array(pathLevel, { minLength: 1, maxLength: 4 }),
    requestId: fc.option(requestId, { nil: undefined }),
    suffix: fc.option(fc.constantFrom('status' as const, 'error' as const), { nil: undefined }),
  })
  .map(({ requestId: id, suffix, ...rest }) => ({
    ...rest,
    ...(id === undefined ? {} : { requestId: id }),
    ...(suffix === undefined ? {} : { suffix }),
  }));

describe('a topic', () => {
  it('survives being written and read, as MQTT topic and as routing key', () => {
    fc.assert(
      fc.property(topics, (topic) => {
        expect(parseTopic(formatTopic(topic))).toEqual(topic);
        expect(parseRoutingKey(formatRoutingKey(topic))).toEqual(topic);
        expect(formatTopic(topic).replaceAll('/', '.')).toBe(formatRoutingKey(topic));
      }),
    );
  });

  it('never throws, and whatever it accepts is written back byte for byte', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(fc.oneof(level, fc.string(), requestId)).map((l) => ['kp1', ...l].join('.')),
        ),
        (text) => {
          const topic = parseRoutingKey(text);
          if (topic !== undefined) expect(formatRoutingKey(topic)).toBe(text);
        },
      ),
    );
  });

  it('keeps the request id byte for byte in the reply', () => {
    const request = parseTopic('kp1/app-v1/dcx/tok1/json/007');
    expect(request).toEqual({
      appVersion: 'app-v1',
      extension: 'dcx',
      token: 'tok1',
      path: ['json'],
      requestId: '007',
    });
    expect(formatTopic(replyTopic(request as Topic, 'status'))).toBe('kp1/app-v1/dcx/tok1/json/007/status');
    expect(formatRoutingKey(replyTopic(request as Topic, 'error'))).toBe(
      'kp1.app-v1.dcx.tok1.json.007.error',
    );
  });

  it.each([
    ['a*b', true],
    ['>{"k":1}', true],
    ['датчик', true],
    ['*', false],
    ['a b', false],
    ['a#', false],
  ])('has a token of %j: %s', (token, expected) => {
    expect(parseTopic(`kp1/a/dcx/${token}/json`)?.token === token).toBe(expected);
  });

  it('is pushed to without a request id', () => {
    fc.assert(
      fc.property(topics, (topic) => {
        const push = parseTopic(formatTopic(pushTopic(topic)));
        expect(push?.requestId).toBeUndefined();
        expect(push?.suffix).toBe('status');
        expect(push?.path).toEqual(topic.path);
      }),
    );
  });

  it.each([
    ['0', true],
    ['00', true],
    ['99', true],
    ['2147483647', true],
    ['0000000001', true],
    ['2147483648', true],
    ['9999999999999999999', true],
    ['10000000000000000000', false],
    ['00000000001', true],
    ['-1', false],
    ['1.0', false],
    ['1a', false],
    ['', false],
    ['١', false],
  ])('takes %j for a request id: %s', (text, expected) => expect(isRequestId(text)).toBe(expected));

  it('takes a number that is no request id for a part of the path', () => {
    expect(parseTopic('kp1/a/dcx/t/json/10000000000000000000')).toMatchObject({
      path: ['json', '10000000000000000000'],
    });
  });

  it('has no path when the last of five levels is an id or a suffix', () => {
    expect(parseTopic('kp1/a/dcx/t/5')).toMatchObject({ path: [], requestId: '5' });
    expect(parseTopic('kp1/a/dcx/t/status')).toMatchObject({ path: [], suffix: 'status' });
  });

  it.each([
    'kp1/a/dcx/t',
    'KP1/a/dcx/t/json',
    'kp2/a/dcx/t/json',
    '/kp1/a/dcx/t/json',
    'kp1/a/dcx/t/json/',
    'kp1//dcx/t/json',
    'kp1/a/dcx/t.u/json',
    'kp1/a/dcx/+/json',
    'kp1/a/dcx/t/#',
    'kp1/a/dcx/t u/json',
    'kp1/a/dcx/t\u0000/json',
    '',
  ])('is not %j', (text) => expect(parseTopic(text)).toBeUndefined());
});

describe('a binding', () => {
  it.each([
    ['kp1.*.dcx.*.json', 'kp1.a.dcx.t.json', true],
    ['kp1.*.dcx.*.json', 'kp1.a.dcx.t.json.1', false],
    ['kp1.*.dcx.*.json.*', 'kp1.a.dcx.t.json.1', true],
    ['kp1.a.cmx.t.#', 'kp1.a.cmx.t.config.json.status', true],
    ['kp1.a.cmx.t.#', 'kp1.a.cmx.t', true],
    ['kp1.a.cmx.t.#.status', 'kp1.a.cmx.t.config.json.status', true],
    ['kp1.a.cmx.t.#.status', 'kp1.a.cmx.t.config.json.error', false],
    ['#', 'a', true],
    ['#.#', 'a.b', true],
    ['*', 'a.b', false],
    ['a.#.b', 'a.b', true],
  ])('%j matches %j: %s', (pattern, key, expected) => expect(matchesBinding(pattern, key)).toBe(expected));

  it('of many # is decided in time', () => {
    const pattern = `${Array(60).fill('#.a').join('.')}.x`;
    expect(matchesBinding(pattern, Array(120).fill('a').join('.'))).toBe(false);
  });

  it('decides as a regular expression would', () => {
    const word = fc.constantFrom('a', 'b');
    const part = fc.constantFrom('a', 'b', '*', '#');
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 5 }),
        fc.array(word, { minLength: 1, maxLength: 6 }),
        (pattern, words) => {
          // Words are single letters, so a word list is a text and `#` is `.*`, `*` is `.`.
          const source = pattern.map((p) => (p === '#' ? '.*' : p === '*' ? '.' : p)).join('');
          expect(matchesBinding(pattern.join('.'), words.join('.'))).toBe(
            new RegExp(`^${source}$`).test(words.join('')),
          );
        },
      ),
    );
  });
});

describe('patterns that overlap', () => {
  const commands = 'kp1.v.cex.t.command.*.status';
  it.each([
    ['kp1.v.cex.t.command.reboot.status', true],
    ['kp1.v.cex.t.command.*.status', true],
    ['kp1.v.cex.t.command.#', true],
    ['kp1.v.*.t.#', true],
    ['#', true],
    ['kp1.v.cex.t.#.status', true],
    ['kp1.v.cex.t.command.reboot.#.status', true],
    ['kp1.v.cex.t.command.reboot.*', true],
    ['kp1.v.cex.t.command.reboot.5.status', false],
    ['kp1.v.cex.t.command.status', false],
    ['kp1.v.cex.t.command.*', false],
    ['kp1.v.cex.t.result.*.status', false],
    ['kp1.v.cex.other.#', false],
    ['kp1.v.cex.t.command.reboot.error', false],
  ])('%s and the pushes of commands: %s', (pattern, expected) => {
    expect(patternsOverlap(pattern, commands)).toBe(expected);
    expect(patternsOverlap(commands, pattern)).toBe(expected);
  });

  it('are those that have a key in common', () => {
    const words = ['a', 'b', '*', '#'];
    const patterns = [...words, ...words.flatMap((x) => words.map((y) => `${x}.${y}`))];
    const keys = ['a', 'b', 'a.a', 'a.b', 'b.a', 'b.b', 'a.b.a', 'b.a.a', 'a.a.b.b'];
    for (const one of patterns) {
      for (const other of patterns) {
        const common = keys.some((key) => matchesBinding(one, key) && matchesBinding(other, key));
        expect([one, other, patternsOverlap(one, other)]).toEqual([one, other, common]);
      }
    }
  });
});
