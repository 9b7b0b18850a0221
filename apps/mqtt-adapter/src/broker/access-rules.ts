/**
 * What RabbitMQ asks before it lets a client do something (rabbitmq_auth_backend_http), and the rules of broker.md 2.6:
 * each of them was shown to be exploitable when it was missing. Parameters come by name, their order differs between
 * versions. Pure: what needs to know devices is left to the caller as `topic`.
 */
export type Parameters = ReadonlyMap<string, string>;

export type Verdict =
  | { readonly allow: true }
  | { readonly allow: false; readonly why: string }
  /** In order as far as the text goes; allowed if this token may be used with this application version. */
  | { readonly topic: TopicClaim };

export interface TopicClaim {
  readonly permission: 'write' | 'read';
  readonly routingKey: string;
  readonly appVersion: string;
  readonly token: string;
}

/** The login that the broker gives to clients without one (`mqtt.default_user`; 4.x `anonymous_login_user`). */
export const ANONYMOUS = 'anonymous';

const ALLOW: Verdict = { allow: true };
const deny = (why: string): Verdict => ({ allow: false, why });

/** RabbitMQ checks nothing here; a longer key is acknowledged, queued, and kills the adapter's connection at delivery. */
const MAX_ROUTING_KEY_BYTES = 255;

/** Callers of the login and virtual host questions. */
const principalFault = (parameters: Parameters, anonymous: boolean): string | undefined => {
  const clientId = parameters.get('client_id');
  // An AMQP, management or stream login has none: device logins are for MQTT alone.
  if (clientId === undefined || clientId === '') return 'no client id, so not an MQTT login';
  if (parameters.get('username') !== ANONYMOUS) return 'unknown user name';
  return anonymous ? undefined : 'anonymous clients are switched off';
};

export const decideUser = (parameters: Parameters, { anonymous }: { anonymous: boolean }): Verdict => {
  const fault = principalFault(parameters, anonymous);
  if (fault !== undefined) return deny(fault);
  const password = parameters.get('password');
  // Absent on 3.10 and "none" on 4.0 is how a login by the broker's own certificate check looks, which can be forged.
  if (password === undefined || password === '' || password === 'none') return deny('no password');
  return ALLOW;
};

export const decideVhost = (parameters: Parameters, { anonymous }: { anonymous: boolean }): Verdict => {
  const fault = principalFault(parameters, anonymous);
  if (fault !== undefined) return deny(fault);
  return parameters.get('vhost') === '/' ? ALLOW : deny('other virtual host');
};

export const decideResource = (parameters: Parameters, { anonymous }: { anonymous: boolean }): Verdict => {
  const fault = principalFault(parameters, anonymous);
  if (fault !== undefined) return deny(fault);
  if (parameters.get('vhost') !== '/') return deny('other virtual host');
  const name = parameters.get('name');
  const permission = parameters.get('permission');
  if (parameters.get('resource') === 'exchange') {
    return name === 'amq.topic' && (permission === 'read' || permission === 'write')
      ? ALLOW
      : deny('other exchange than amq.topic, or other use of it');
  }
  // Another client's session queue holds that client's messages.
  const session = `mqtt-subscription-${parameters.get('client_id') ?? ''}qos`;
  return parameters.get('resource') === 'queue' && (name === `${session}0` || name === `${session}1`)
    ? ALLOW
    : deny('other queue than that of its own session');
};

export const decideTopic = (parameters: Parameters, { anonymous }: { anonymous: boolean }): Verdict => {
  if (parameters.get('username') !== ANONYMOUS) return deny('unknown user name');
  if (!anonymous) return deny('anonymous clients are switched off');
  if ((parameters.get('variable_map.client_id') ?? '') === '')
    return deny('no client id, so not an MQTT client');
  if (parameters.get('vhost') !== '/') return deny('other virtual host');
  if (parameters.get('resource') !== 'topic' || parameters.get('name') !== 'amq.topic')
    return deny('other exchange');
  const routingKey = parameters.get('routing_key') ?? '';
  if (Buffer.byteLength(routingKey) > MAX_ROUTING_KEY_BYTES) {
    return deny(`topic longer than ${MAX_ROUTING_KEY_BYTES} bytes`);
  }
  const words = routingKey.split('.');
  const [prefix, appVersion, , token] = words;
  if (words.includes('')) return deny('empty level in the topic');
  if (prefix !== 'kp1') return deny('topic does not begin with kp1');
  if (appVersion === undefined || token === undefined) return deny('topic has fewer than four levels');
  const permission = parameters.get('permission');
  if (permission === 'write') {
    if (words.some((word) => /[*#+]/.test(word))) return deny('wildcard in a topic to publish to');
    // What the platform says there, no device may say in its place.
    if (isReply(words)) return deny('topics that end in status or error are for the platform');
    return { topic: { permission, routingKey, appVersion, token } };
  }
  if (permission === 'read') {
    if (/[*#+]/.test(appVersion) || /[*#+]/.test(token)) {
      return deny('wildcard in place of the application version or the token');
    }
    if (words[2] === '#') return deny('# before the token');
    return { topic: { permission, routingKey, appVersion, token } };
  }
  return deny('unknown permission');
};

const isReply = (words: readonly string[]): boolean => words.at(-1) === 'status' || words.at(-1) === 'error';
