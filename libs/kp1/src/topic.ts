/**
 * The topic grammar of 1/KP: `kp1/{appVersion}/{extension}/{token}/{resource path…}[/{requestId}][/status|/error]`.
 * RabbitMQ shows the same topic as a routing key with `.` between the levels.
 */
export interface Topic {
  readonly appVersion: string;
  /** Name of the extension's instance: `dcx`, `cmx`, `cmx_ota`. */
  readonly extension: string;
  readonly token: string;
  /** Levels between the token and the request id. Empty when the device gave none: such a topic names no resource. */
  readonly path: readonly string[];
  /** As the device wrote it: "007" stays "007" in the reply topic. */
  readonly requestId?: string;
  /** Present on what the platform publishes; a device must not publish there. */
  readonly suffix?: ReplySuffix;
}

export const REPLY_SUFFIXES = ['status', 'error'] as const;
export type ReplySuffix = (typeof REPLY_SUFFIXES)[number];

const PREFIX = 'kp1';

/** `.` is not escaped by RabbitMQ and comes back as `/`; `+ #` and a `*` alone are wildcards of the two worlds. */
// oxlint-disable-next-line no-control-regex -- control characters are what it keeps out
const LEVEL = /^(?!\*$)[^./+#\u0000-\u0020\u007f]+$/;

/**
 * 1/KP, Request ID: a last level of digits alone is the id and no part of the path. Nineteen, because clients use times in
 * nanoseconds; node-red emits 0 now and then.
 */
export const isRequestId = (text: string): boolean => /^[0-9]{1,19}$/.test(text);

const isSuffix = (text: string | undefined): text is ReplySuffix => text === 'status' || text === 'error';

/** undefined: not a topic of this protocol (other prefix, an empty or unusable level, fewer than five levels). */
export const parseTopic = (topic: string): Topic | undefined => parseLevels(topic.split('/'));

/** The same topic as RabbitMQ shows it to AMQP clients. */
export const parseRoutingKey = (routingKey: string): Topic | undefined => parseLevels(routingKey.split('.'));

const parseLevels = (levels: readonly string[]): Topic | undefined => {
  const [prefix, appVersion, extension, token] = levels;
  if (prefix !== PREFIX || appVersion === undefined || extension === undefined || token === undefined) {
    return undefined;
  }
  if (levels.length < 5 || !levels.every((level) => LEVEL.test(level))) return undefined;
  let end = levels.length;
  const last = levels[end - 1];
  const suffix = isSuffix(last) ? last : undefined;
  if (suffix !== undefined) end -= 1;
  const id = end > 4 ? levels[end - 1] : undefined;
  const requestId = id !== undefined && isRequestId(id) ? id : undefined;
  if (requestId !== undefined) end -= 1;
  return {
    appVersion,
    extension,
    token,
    path: levels.slice(4, end),
    ...(requestId === undefined ? {} : { requestId }),
    ...(suffix === undefined ? {} : { suffix }),
  };
};

const levelsOf = (topic: Topic): string[] => [
  PREFIX,
  topic.appVersion,
  topic.extension,
  topic.token,
  ...topic.path,
  ...(topic.requestId === undefined ? [] : [topic.requestId]),
  ...(topic.suffix === undefined ? [] : [topic.suffix]),
];

/** For MQTT clients. */
export const formatTopic = (topic: Topic): string => levelsOf(topic).join('/');

/** For AMQP: what to publish to so that MQTT subscribers of the topic get it. */
export const formatRoutingKey = (topic: Topic): string => levelsOf(topic).join('.');

/** Where the answer to a request goes: the request's own topic with its id, and a suffix (1/KP, Response). */
export const replyTopic = (request: Topic, suffix: ReplySuffix): Topic => ({ ...request, suffix });

/**
 * Where the platform speaks without having been asked. Always without a request id: no surveyed client listens to a
 * push anywhere else, and a push on two topics would run a command twice.
 */
export const pushTopic = (target: Pick<Topic, 'appVersion' | 'extension' | 'token' | 'path'>): Topic => ({
  appVersion: target.appVersion,
  extension: target.extension,
  token: target.token,
  path: target.path,
  suffix: 'status',
});

/** True when a message with `routingKey` reaches a queue bound with `pattern` (`*` one word, `#` any number of words). */
export const matchesBinding = (pattern: string, routingKey: string): boolean =>
  matchWords(pattern.split('.'), routingKey.split('.'));

const matchWords = (pattern: readonly string[], words: readonly string[]): boolean => {
  // Row by row over the pattern: `reached[i]` = the pattern so far can stand for the first i words. Backtracking
  // instead would let a pattern of many `#` take exponential time, and patterns come from devices.
  let reached = words.map(() => false);
  reached.unshift(true);
  for (const part of pattern) {
    const next = reached.map(() => false);
    for (let i = 0; i < reached.length; i += 1) {
      if (part === '#') next[i] = reached[i] === true || (i > 0 && next[i - 1] === true);
      else if (i > 0) next[i] = reached[i - 1] === true && (part === '*' || part === words[i - 1]);
    }
    reached = next;
  }
  return reached[words.length] === true;
};

/** True when some routing key matches both patterns: a subscription may get what is published to topics of the other. */
export const patternsOverlap = (one: string, other: string): boolean =>
  overlap(one.split('.'), other.split('.'));

const overlap = (one: readonly string[], other: readonly string[]): boolean => {
  // Row by row, as above: `met[j]` = what the words of `one` so far stand for can also be the first j words of `other`.
  let met = [true, ...other.map((_, j) => other.slice(0, j + 1).every((word) => word === '#'))];
  for (const word of one) {
    const next = [word === '#' && met[0] === true];
    for (const [j, opposite] of other.entries()) {
      const same = word === '*' || opposite === '*' || word === opposite;
      next.push(
        word === '#' || opposite === '#'
          ? met[j] === true || met[j + 1] === true || next[j] === true
          : same && met[j] === true,
      );
    }
    met = next;
  }
  return met[other.length] === true;
};
