import { describe, expect, it } from '@jest/globals';
import { c2dTopic, formatBag, parseBag, parseFilter, parseTopic } from './topics.js';

describe('topics of a device', () => {
  it.each([
    ['devices/d1/messages/events', {}],
    ['devices/d1/messages/events/', {}],
    ['devices/d1/messages/events/a=1&%24.ct=application%2Fjson/', { a: '1', '$.ct': 'application/json' }],
  ])('%s is telemetry', (topic, bag) => {
    expect(parseTopic('d1', topic)).toEqual({ type: 'telemetry', bag: new Map(Object.entries(bag)) });
  });

  it.each([
    ['$iothub/twin/GET/?$rid=1', { type: 'getTwin', requestId: '1' }],
    ['$iothub/twin/PATCH/properties/reported/?$rid=a-b', { type: 'reportProperties', requestId: 'a-b' }],
    ['$iothub/methods/res/200/?$rid=7', { type: 'methodResult', status: 200, requestId: '7' }],
  ])('%s is asked of the hub', (topic, expected) => {
    expect(parseTopic('d1', topic)).toEqual(expected);
  });

  it.each([
    'devices/d2/messages/events/',
    'devices/d1/messages/eventsX',
    '$iothub/twin/GET/',
    '$iothub/twin/PATCH/properties/desired/?$rid=1',
    'devices/d1/messages/events/%',
    'x',
  ])('%s is nothing', (topic) => {
    expect(parseTopic('d1', topic)).toBeUndefined();
  });

  it('may be listened to when they are its own', () => {
    expect(parseFilter('d1', 'devices/d1/messages/devicebound/#')).toBe('c2d');
    expect(parseFilter('d1', 'devices/d2/messages/devicebound/#')).toBeUndefined();
    expect(parseFilter('d1', '#')).toBeUndefined();
  });

  it('carry properties through', () => {
    const bag = new Map([
      ['$.mid', 'a b'],
      ['x&y', '1=2'],
    ]);
    expect(parseBag(formatBag(bag))).toEqual(bag);
    expect(c2dTopic('d1', bag)).toBe('devices/d1/messages/devicebound/%24.mid=a%20b&x%26y=1%3D2');
  });
});
