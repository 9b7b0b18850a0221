import { describe, expect, it } from '@jest/globals';
import { judgeFilter, judgePublish } from './topic-rules.js';

describe('a topic to publish to', () => {
  it('of kp1 names its token', () => {
    expect(judgePublish('kp1/v1/dcx/token-1/json/7')).toMatchObject({
      kind: 'topic',
      topic: { token: 'token-1', appVersion: 'v1', requestId: '7' },
    });
  });

  it.each([
    ['elsewhere/a/b/c/d', 404],
    ['kp1/v1/dcx/token-1', 404],
    ['kp1/v1//token-1/json', 404],
    // `.` is a level at the broker.
    ['kp1/v1/dcx/token-1/js.on', 404],
    ['kp1/v1.dcx/x/token-1/json', 404],
    ['kp1/v1/dcx/token-1/json/*', 404],
    ['kp1/v1/cmx/token-1/config/json/status', 403],
    ['kp1/v1/cmx/token-1/config/json/error', 403],
  ])('is refused in words: %s', (topic, statusCode) => {
    expect(judgePublish(topic)).toMatchObject({ kind: 'refused', statusCode });
  });

  it.each([
    '',
    'kp1/v1/dcx/+/json',
    'kp1/v1/dcx/t/#',
    `kp1/v1/dcx/${'ä'.repeat(120)}/json`,
    'kp1/\u0000',
    'kp1/\uFFFD',
  ])('ends the connection: %s', (topic) => {
    expect(judgePublish(topic).kind).toBe('hostile');
  });
});

describe('a filter', () => {
  it.each(['kp1/v1/dcx/t/#', 'kp1/v1/+/t/json/+/status', 'kp1/v1/cmx/t/config/json/status', 'kp1/v1/dcx/t'])(
    'is granted to who has its token: %s',
    (filter) => {
      expect(judgeFilter(filter)).toEqual({ kind: 'filter', appVersion: 'v1', token: 't' });
    },
  );

  it.each([
    '#',
    'kp1/#',
    '+/v1/dcx/t/json',
    'kp1/+/dcx/t/json',
    'kp1/v1/dcx/+/json',
    'kp1/v1/#',
    'kp1/v1/#/t/json',
    'kp1/v1/dcx/#',
    'kp1/v1/dcx/t/js.on',
    'kp1/v1/dcx/*/json',
    'kp1/v1/dcx/t/#/x',
    'kp1/v1/dcx/t/a+',
    'kp1/v1/dcx/t//json',
    '$share/g/kp1/v1/dcx/t/json',
    '$SYS/#',
    `kp1/v1/dcx/t/${'x'.repeat(250)}`,
  ])('is refused: %s', (filter) => {
    expect(judgeFilter(filter).kind).toBe('refused');
  });
});
