import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { helpText, OptionError, parseOptions } from './options.js';

describe('options', () => {
  it('have defaults, and take both ways of writing', () => {
    expect(parseOptions([])).toMatchObject({ devices: 20, profile: 'radiator', rate: 0.1, qos: '1' });
    expect(parseOptions(['--devices', '7', '--offline=0.1', '--extensions', 'cmx,cex'])).toMatchObject({
      devices: 7,
      offline: 0.1,
      extensions: new Set(['cmx', 'cex']),
    });
    expect(parseOptions(['--extensions=']).extensions.size).toBe(0);
  });

  it('take addresses from the environment, unless they are given', () => {
    const environment = { MUSTER_URL: 'http://platform:1/', MUSTER_MQTT_URL: 'mqtt://broker:2' };
    const options = parseOptions(['--mqtt-url', 'mqtts://other:3'], environment);
    expect(options).toMatchObject({ url: 'http://platform:1', 'mqtt-url': 'mqtts://other:3' });
  });

  it('of a demo are presets that may be changed', () => {
    expect(parseOptions(['--demo', '--rate', '2'])).toMatchObject({ fleet: 'demo', rate: 2, duration: 0 });
  });

  it.each([
    [['--devices', 'many'], '--devices must be a whole number from 1 to 200000, is "many".'],
    [['--devices', '1.5'], '--devices must be a whole number from 1 to 200000, is "1.5".'],
    [['--devices', ''], '--devices must be a whole number from 1 to 200000, is "".'],
    [['--rate=-1'], '--rate must be a number from 0 to 1000, is "-1".'],
    [['--config-failure', '5'], '--config-failure must be a number from 0 to 1, is "5".'],
    [['--profile', 'car'], '--profile must be one of radiator, tracker, gateway, boiler, is "car".'],
    [['--extensions', 'cmx,foo'], '--extensions must be one of cmx, epmx, cex, cmx_ota, is "foo".'],
    [['--fleet', 'a/b'], '--fleet must be 1 to 40 letters, digits, _ or -, is "a/b".'],
    [['--mqtt-url', 'broker:1883'], /^--mqtt-url must be an address that begins with mqtt:\/\//],
    [['--devices'], '--devices needs a value (count).'],
    [['--devices', '--demo'], /^--devices /],
    [['--demo=yes'], '--demo takes no value.'],
    [['--rate', '1', '--rate', '2'], '--rate is given twice.'],
    [['--device', '7'], '--device is no option; see --help.'],
    [['-d', '7'], '-d is no option; see --help.'],
    [['radiator'], '"radiator" is no option; see --help.'],
    [['--constructor', '1'], '--constructor is no option; see --help.'],
  ])('that are wrong are one sentence: %j', (args, sentence) => {
    let thrown: unknown;
    try {
      parseOptions(args);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(OptionError);
    expect((thrown as OptionError).message).toMatch(sentence);
    expect((thrown as OptionError).message).not.toContain('\n');
  });

  it('are in the help with unit and default, and in the README as the help has them', () => {
    const help = helpText();
    expect(help).toContain('--rate <samples/s>');
    for (const line of help.split('\n').filter((one) => /<.+>/.test(one))) expect(line).toMatch(/\(.*\)$/);
    const readme = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');
    expect(readme).toContain(help.trim());
  });
});
