import { describe, expect, it } from '@jest/globals';
import {
  answersSuccess,
  matchResource,
  platformFilters,
  pushPatterns,
  RESOURCES,
  uplinkBindings,
  type Resource,
} from './resources.js';
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
    ['kp1/a/dcx/t/plain/temperature', 'telemetry-plain'],
    ['kp1/a/dcx/t/plain/temperature/3', 'telemetry-plain'],
    ['kp1/a/dcx/t/plain/3', undefined],
    ['kp1/a/epmx/t/get/keys/1', 'metadata-keys'],
    ['kp1/a/epmx/t/get/1', 'metadata'],
    ['kp1/a/epmx/t/update/1', 'metadata-replace'],
    ['kp1/a/epmx/t/update/keys', 'metadata-merge'],
    ['kp1/a/epmx/t/delete/keys/1', 'metadata-delete'],
    ['kp1/a/epmx/t/delete/1', undefined],
    ['kp1/a/cex/t/command', 'commands'],
    ['kp1/a/cex/t/command/1', 'commands'],
    ['kp1/a/cex/t/command/reboot', 'commands-of-type'],
    ['kp1/a/cex/t/command/reboot/1', 'commands-of-type'],
    ['kp1/a/cex/t/command/status', undefined],
    ['kp1/a/cex/t/result/reboot/1', 'command-results'],
    ['kp1/a/cex/t/result/1', undefined],
    ['kp1/a/cmx/t/config/json/default', 'configuration-named'],
    ['kp1/a/cmx/t/applied/json/default/1', 'configuration-applied-named'],
    ['kp1/a/cmx/t/state/json/1', 'state-report'],
    ['kp1/a/cmx/t/state/json/get/1', 'state'],
    ['kp1/a/cmx/t/state/json/other', undefined],
    ['kp1/a/cmx_ota/t/config/json', 'software'],
    ['kp1/a/cmx_ota/t/config/json/modem/1', 'software-named'],
    ['kp1/a/cmx_ota/t/applied/json/1', 'software-applied'],
    ['kp1/a/cmx_ota/t/applied/json/modem', 'software-applied-named'],
    ['kp1/a/cmx_ota/t/state/json', undefined],
    ['kp1/a/bcx/t/token', 'upload-token'],
    ['kp1/a/bcx/t/token/1', 'upload-token'],
    ['kp1/a/dcx/t/5', undefined],
  ])('reads %s as %s', (text, name) => expect(nameOf(text)).toBe(name));

  it('gives filters that fit all answers and pushes of a token, and nothing that a device publishes', () => {
    const filters = platformFilters({ appVersion: 'a', token: 't' }).map((one) =>
      one.replaceAll('/', '.').replaceAll('+', '*'),
    );
    const fits = (key: string) => filters.filter((filter) => matchesBinding(filter, key)).length;
    for (const { pattern } of uplinkBindings()) {
      const key = pattern.replace('*', 'a').replace('*', 't').replaceAll('*', '1');
      expect([key, fits(key), fits(`${key}.status`), fits(`${key}.error`)]).toEqual([key, 0, 1, 1]);
    }
    for (const pattern of pushPatterns({ appVersion: 'a', token: 't' })) expect(fits(pattern)).toBe(1);
    expect(fits('kp1.a.dcx.other.json.status')).toBe(0);
    expect(filters).toHaveLength(8);
  });

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

  it('yields the bindings of the broker, each once', () => {
    const patterns = uplinkBindings().map(({ pattern }) => pattern);
    expect(new Set(patterns).size).toBe(patterns.length);
    expect(patterns.filter((pattern) => pattern.includes('.cex.'))).toEqual([
      'kp1.*.cex.*.command',
      'kp1.*.cex.*.command.*',
      'kp1.*.cex.*.command.*.*',
      'kp1.*.cex.*.result.*',
      'kp1.*.cex.*.result.*.*',
    ]);
    expect(patterns.filter((pattern) => pattern.includes('.cmx.*.config'))).toEqual([
      'kp1.*.cmx.*.config.json',
      'kp1.*.cmx.*.config.json.*',
      'kp1.*.cmx.*.config.json.*.*',
    ]);
  });

  it('tells on which topics the platform speaks unasked', () => {
    expect(pushPatterns({ appVersion: 'a', token: 't' })).toEqual([
      'kp1.a.cex.t.command.*.status',
      'kp1.a.cmx.t.config.json.status',
      'kp1.a.cmx_ota.t.config.json.status',
      'kp1.a.cmx_ota.t.config.json.*.status',
    ]);
  });

  it('binds what it matches, and says which bindings would let our own replies in', () => {
    const bound = (text: string) =>
      uplinkBindings().filter(({ pattern }) => matchesBinding(pattern, formatRoutingKey(topic(text))));
    expect(bound('kp1/a/cmx/t/config/json/7')).toHaveLength(1);
    expect(bound('kp1/a/cmx/t/config/json')).toHaveLength(1);
    // The reason for `endsInAnything`: `*` takes the word "status" for an id, and an id for a name.
    expect(bound('kp1/a/cmx/t/config/json/7/status').map(({ endsInAnything }) => endsInAnything)).toEqual([
      true,
    ]);
    expect(bound('kp1/a/cmx/t/config/json/status')).toEqual([
      { pattern: 'kp1.*.cmx.*.config.json.*', extension: 'cmx', endsInAnything: true },
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
