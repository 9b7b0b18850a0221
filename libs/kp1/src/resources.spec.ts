import { describe, expect, it } from '@jest/globals';
import { answersSuccess, matchResource, RESOURCES, uplinkBindings, type Resource } from './resources.js';
import { formatRoutingKey, matchesBinding, parseTopic, type Topic } from './topic.js';

const topic = (text: string): Topic => {
  const parsed = parseTopic(text);
  if (parsed === undefined) throw new Error(`not a topic: ${text}`);
  return parsed;
};
const nameOf = (text: string) => matchResource(topic(text))?.resource.name;

describe('the table of resources', () => {
  it.each([
    ['kp1/a/dcx/t/json', 'telemetry'],
    ['kp1/a/dcx/t/json/42', 'telemetry'],
    ['kp1/a/cmx/t/config/json/1', 'configuration'],
    ['kp1/a/cmx/t/applied/json', 'configuration-applied'],
    ['kp1/a/dcx/t/json/42/status', undefined],
    ['kp1/a/cmx/t/config/json/status', undefined],
    ['kp1/a/dcx/t/jsn', undefined],
    ['kp1/a/dcx/t/json/x', undefined],
    ['kp1/a/cmx_ota/t/config/json', undefined],
    ['kp1/a/dcx/t/5', undefined],
  ])('reads %s as %s', (text, name) => expect(nameOf(text)).toBe(name));

  it('answers a fetch always, and the success of a write only when it was asked with an id', () => {
    const answers = (text: string) => {
      const matched = matchResource(topic(text));
      return matched !== undefined && answersSuccess(matched.resource, topic(text));
    };
    expect(answers('kp1/a/cmx/t/config/json')).toBe(true);
    expect(answers('kp1/a/cmx/t/config/json/0')).toBe(true);
    expect(answers('kp1/a/dcx/t/json')).toBe(false);
    expect(answers('kp1/a/dcx/t/json/0')).toBe(true);
    expect(answers('kp1/a/cmx/t/applied/json')).toBe(false);
  });

  it('yields the bindings of the broker', () => {
    expect(uplinkBindings().map(({ pattern }) => pattern)).toEqual([
      'kp1.*.dcx.*.json',
      'kp1.*.dcx.*.json.*',
      'kp1.*.cmx.*.config.json',
      'kp1.*.cmx.*.config.json.*',
      'kp1.*.cmx.*.applied.json',
      'kp1.*.cmx.*.applied.json.*',
    ]);
  });

  it('binds what it matches, and says which bindings would let our own replies in', () => {
    const bound = (text: string) =>
      uplinkBindings().filter(({ pattern }) => matchesBinding(pattern, formatRoutingKey(topic(text))));
    expect(bound('kp1/a/cmx/t/config/json/7')).toHaveLength(1);
    expect(bound('kp1/a/cmx/t/config/json')).toHaveLength(1);
    expect(bound('kp1/a/cmx/t/config/json/7/status')).toEqual([]);
    // The reason for `endsInRequestId`: `*` takes the word "status" for an id.
    expect(bound('kp1/a/cmx/t/config/json/status')).toEqual([
      { pattern: 'kp1.*.cmx.*.config.json.*', endsInRequestId: true },
    ]);
  });

  it('takes levels with a name for parameters', () => {
    const command: Resource = {
      name: 'telemetry',
      extension: 'cex',
      path: ['command', '{type}'],
      kind: 'fetch',
    };
    expect(matchResource(topic('kp1/a/cex/t/command/reboot/5'), [command])).toEqual({
      resource: command,
      parameters: { type: 'reboot' },
    });
    expect(uplinkBindings([command]).map(({ pattern }) => pattern)).toEqual([
      'kp1.*.cex.*.command.*',
      'kp1.*.cex.*.command.*.*',
    ]);
  });

  it('names every resource once', () => {
    expect(new Set(RESOURCES.map(({ name }) => name)).size).toBe(RESOURCES.length);
  });
});
