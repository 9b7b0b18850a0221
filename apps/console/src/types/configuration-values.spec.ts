import { describe, expect, it } from '@jest/globals';
import { defaultsOf, keysOf, namedConfiguration, withMine } from './configuration-values.js';
import type { TypeConfiguration } from './types.queries.js';

const CONFIGURATION: TypeConfiguration = {
  deviceTypeId: 'd1',
  version: 3,
  keys: { setpoint: { schema: { type: 'number' } } } as unknown as TypeConfiguration['keys'], // any schema, which the API's types do not say
  undeclaredKeys: 'refused',
  limits: { keys: 500 },
  defaults: { setpoint: 19, mode: 'eco' },
  appVersions: { 'heater-v2': { defaults: { report: { seconds: 60 } } } },
};

describe('the configuration of a type', () => {
  it('has the keys that are declared or have a default of the type or of the version that is looked at', () => {
    expect(keysOf(CONFIGURATION, undefined)).toEqual(['mode', 'setpoint']);
    expect(keysOf(CONFIGURATION, 'heater-v2')).toEqual(['mode', 'report', 'setpoint']);
    expect(defaultsOf(CONFIGURATION, 'heater-v1')).toEqual({});
  });

  it('is named value by value, and what was typed takes the place of it', () => {
    const was = namedConfiguration(CONFIGURATION);
    expect(was).toEqual({
      'setpoint: schema': '{"type":"number"}',
      'keys that are not declared': 'refused',
      'limit keys': '500',
      'setpoint: default': '19',
      'mode: default': '"eco"',
      'report: default of heater-v2': '{"seconds":60}',
    });
    const mine = withMine(was, { 'mode: default': undefined, 'setpoint: default': '21' });
    expect(mine['setpoint: default']).toBe('21');
    expect(mine).not.toHaveProperty('mode: default');
  });
});
