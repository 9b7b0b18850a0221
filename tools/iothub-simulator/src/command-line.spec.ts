import { describe, expect, it } from '@jest/globals';
import { parseCommandLine } from './command-line.js';

describe('the command line', () => {
  it('has a port of its own and no throttling unless told otherwise', () => {
    expect(parseCommandLine([])).toMatchObject({
      controlPort: 28_080,
      simulator: { ports: [28_443], eventHub: { consumerGroups: [] } },
    });
    expect(parseCommandLine([]).simulator.quotas).toBeUndefined();
  });

  it('takes several of some', () => {
    const { simulator, devices } = parseCommandLine(
      '--port 443 --port 5671 --device a --device b --route all --tier S2 --units 2'.split(' '),
    );
    expect(devices).toEqual(['a', 'b']);
    expect(simulator).toMatchObject({ ports: [443, 5_671], quotas: { tier: 'S2', units: 2, scale: 1 } });
    expect(simulator.routes).toHaveLength(4);
  });

  it.each([
    ['--port x', '--port is a number'],
    ['--tier S4', '--tier is one of S1, S2, S3, not S4'],
    ['--route twins', '--route is one of DeviceMessages'],
    ['--nonsense', 'nonsense'],
  ])('says what is wrong with %s', (line, message) => {
    expect(() => parseCommandLine(line.split(' '))).toThrow(message);
  });
});
