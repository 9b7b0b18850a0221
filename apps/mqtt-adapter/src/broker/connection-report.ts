import type { ConnectionReport } from '@muster/contracts/device-registry/connectivity.requests';
import { clientKey } from './client-uses.js';

/** `<rabbit@host.1795222273.770.0>`: node, its incarnation, process. The second number is another after each start. */
const PID = /^<(.+)\.(\d+)\.\d+\.\d+>$/s;

/**
 * What an event of RabbitMQ says of a connection; undefined: nothing. A connection is known by its pid: of an end 3.10
 * tells nothing else. The adapter's own AMQP connection tells that the broker runs, and since when.
 */
export const reportOf = (
  name: string,
  headers: Readonly<Record<string, unknown>>,
): ConnectionReport | undefined => {
  const { pid, timestamp_in_ms: timestamp } = headers;
  if (typeof pid !== 'string' || typeof timestamp !== 'number') return undefined;
  const at = new Date(timestamp).toISOString();
  if (name === 'connection.closed') return { kind: 'closed', connection: pid, at };
  const [, broker, incarnation] = PID.exec(pid) ?? [];
  if (name !== 'connection.created' || broker === undefined) return undefined;
  const life = { broker, incarnation: Number(incarnation) };
  const clientId = clientIdOf(headers);
  return clientId === undefined
    ? { kind: 'broker-seen', at, ...life }
    : { kind: 'opened', at, connection: pid, clientId: clientKey(clientId), ...life };
};

/** Undefined: not MQTT, or written in a way that is not known. */
const clientIdOf = (headers: Readonly<Record<string, unknown>>): string | undefined => {
  const { protocol, variable_map: variables, client_properties: properties } = headers;
  if (typeof protocol !== 'string' || !protocol.includes('MQTT')) return undefined;
  // 3.10: `#{<<"client_id">> => <<"x">>}`; 4.x: `{client_id,longstr,<<"x">>}`, one text among others.
  const texts = [variables, ...(Array.isArray(properties) ? (properties as unknown[]) : [])];
  for (const text of texts) {
    if (typeof text !== 'string') continue;
    const at = /<<"client_id">> => |^\{client_id,longstr,/.exec(text);
    if (at !== null) return erlangBinary(text.slice(at.index + at[0].length));
  }
  return undefined;
};

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  e: '\x1b',
  d: '\x7f',
};

/** As Erlang prints a binary: as text if it looks like one, else as a list of its bytes. */
const erlangBinary = (text: string): string | undefined => {
  const printed = /^<<"((?:[^"\\]|\\.)*)"(?:\/utf8)?>>/s.exec(text)?.[1];
  if (printed !== undefined) {
    return printed.replace(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter);
  }
  const bytes = /^<<([\d,\s]*)>>/.exec(text)?.[1];
  return bytes === undefined ? undefined : Buffer.from(bytes.split(',').map(Number)).toString('utf8');
};
