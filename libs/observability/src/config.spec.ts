import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import {
  boolean,
  choice,
  ConfigError,
  configTable,
  int,
  networks,
  readConfig,
  secretFile,
  string,
  url,
  urls,
  urlsIn,
} from './index.js';

const folder = mkdtempSync(join(tmpdir(), 'muster-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const schema = {
  port: int({ env: 'PORT', default: 3000, min: 1, max: 65535, doc: 'Where it listens.', unit: 'port' }),
  size: int({ env: 'SIZE', doc: 'How much.' }),
  name: string({ env: 'NAME', optional: true, pattern: /^[a-z]+$/, doc: 'A name.' }),
  verbose: boolean({ env: 'VERBOSE', default: false, doc: 'Says | more.' }),
  bus: url({ env: 'BUS', default: 'nats://127.0.0.1:4222', protocols: ['nats', 'tls'], doc: 'The bus.' }),
  level: choice({ env: 'LEVEL', values: ['low', 'high'], default: 'low', doc: 'How much.' }),
  key: secretFile({ env: 'KEY_FILE', optional: true, doc: 'The key.' }),
};

const faultsOf = (env: Record<string, string>): readonly { env: string; rule: string }[] => {
  try {
    readConfig(schema, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
};

describe('configuration', () => {
  it('takes what is set, and the default for the rest', () => {
    const file = join(folder, 'key');
    writeFileSync(file, ' secret\n');
    const config = readConfig(schema, {
      SIZE: '-5',
      VERBOSE: 'true',
      LEVEL: 'high',
      KEY_FILE: file,
      NAME: '',
    });
    const typed: { port: number; name: string | undefined; level: 'low' | 'high' } = config;
    expect(typed).toEqual({
      port: 3000,
      size: -5,
      name: undefined,
      verbose: true,
      bus: 'nats://127.0.0.1:4222',
      level: 'high',
      key: 'secret',
    });
  });

  it('names every key that is missing or wrong at once, with its rule', () => {
    const env = {
      PORT: '65536',
      NAME: 'A',
      VERBOSE: 'yes',
      BUS: 'http://x',
      LEVEL: 'mid',
      KEY_FILE: '/nowhere',
    };
    expect(faultsOf(env)).toEqual([
      { env: 'PORT', rule: 'must be a whole number from 1 to 65535' },
      { env: 'SIZE', rule: 'must be set' },
      { env: 'NAME', rule: 'must match ^[a-z]+$' },
      { env: 'VERBOSE', rule: 'must be true or false' },
      { env: 'BUS', rule: 'must be a URL that starts with nats:// or tls://' },
      { env: 'LEVEL', rule: 'must be one of low, high' },
      { env: 'KEY_FILE', rule: 'must name a file that can be read' },
    ]);
  });

  it.each(['1.5', '0x10', ' 7', '7 ', '1e3', 'NaN', '99999999999999999999'])(
    'takes %j for no number',
    (text) => {
      expect(faultsOf({ SIZE: text })).toHaveLength(1);
    },
  );

  it('never repeats a value', () => {
    const error = new ConfigError(faultsOf({ SIZE: 'hunter2', BUS: 'hunter2', LEVEL: 'hunter2' }));
    expect(error.message).toContain('SIZE');
    expect(error.message).not.toContain('hunter2');
  });

  it('is a table for the README', () => {
    const lines = configTable(schema).split('\n');
    expect(lines).toContain('| `PORT` | port | `3000` | Where it listens. |');
    expect(lines).toContain('| `SIZE` | number | **required** | How much. |');
    expect(lines).toContain('| `NAME` | text | not set | A name. |');
    expect(lines).toContain('| `VERBOSE` | true or false | `false` | Says \\| more. |');
  });
});

describe('the servers of a cluster', () => {
  const bus = { bus: urls({ env: 'BUS', protocols: ['nats', 'tls'], doc: 'The bus.' }) };
  const rulesOf = (text: string): readonly string[] => {
    try {
      readConfig(bus, { BUS: text });
    } catch (error) {
      if (error instanceof ConfigError) return error.faults.map(({ rule }) => rule);
      throw error;
    }
    return [];
  };

  it.each([
    ['nats://a:4222', ['nats://a:4222']],
    ['nats://a:4222,tls://b', ['nats://a:4222', 'tls://b']],
    ['nats://a:4222, nats://b:4222', ['nats://a:4222', 'nats://b:4222']],
    ['nats://user:pass,word@a:4222,nats://b', ['nats://user:pass,word@a:4222', 'nats://b']],
  ])('are %j', (text, servers) => {
    expect(readConfig(bus, { BUS: text }).bus).toBe(text);
    expect(urlsIn(text)).toEqual(servers);
  });

  it.each(['nats://a:4222,http://b', 'nats://a:4222,,nats://b', 'nats://a:4222,b:4222', ','])(
    'are not %j',
    (text) => {
      expect(rulesOf(text)).toHaveLength(1);
    },
  );
});

describe('addresses and networks', () => {
  const proxies = { proxies: networks({ env: 'PROXIES', optional: true, doc: 'Who stands in front.' }) };

  it.each(['192.0.2.7', '192.0.2.7, 10.42.0.0/16', '::1,fd00::/8', '0.0.0.0/0'])('takes %j', (text) => {
    expect(readConfig(proxies, { PROXIES: text }).proxies).toBe(text);
  });

  it.each([
    'proxy.example.com',
    '10.42.0.0/33',
    '10.42.0/16',
    'fd00::/129',
    '192.0.2.7,',
    '192.0.2.7 ::1',
    '/8',
  ])('refuses %j', (text) =>
    expect(() => readConfig(proxies, { PROXIES: text })).toThrow('PROXIES must be addresses and networks'),
  );
});
