import { matchesBinding, parseTopic, type Topic } from '@muster/kp1';

/** RabbitMQ checks nothing here; a longer routing key is acknowledged, queued, and ends the connection of who consumes it. */
export const MAX_TOPIC_BYTES = 255;

export type PublishVerdict =
  | { readonly kind: 'topic'; readonly topic: Topic }
  /** Told to the client in words. */
  | { readonly kind: 'refused'; readonly statusCode: number; readonly reasonPhrase: string }
  /** No MQTT, or an attempt at something: the connection ends. */
  | { readonly kind: 'hostile'; readonly why: string };

export type FilterVerdict =
  | { readonly kind: 'filter'; readonly appVersion: string; readonly token: string }
  | { readonly kind: 'refused'; readonly why: string };

const hostile = (why: string): PublishVerdict => ({ kind: 'hostile', why });
const refused = (statusCode: number, reasonPhrase: string): PublishVerdict => ({
  kind: 'refused',
  statusCode,
  reasonPhrase,
});

/** What a topic to publish to, or one of a will, says by its text alone. Whose it is, is asked afterwards. */
export const judgePublish = (topic: string): PublishVerdict => {
  const fault = textFault(topic);
  if (fault !== undefined) return hostile(`a topic to publish to ${fault}`);
  if (/[+#]/.test(topic)) return hostile('a topic to publish to holds a wildcard');
  const parsed = parseTopic(topic);
  if (parsed === undefined) {
    return refused(404, 'topic must be kp1/{app version}/{extension}/{endpoint token}/{resource}');
  }
  // What the platform says there, no device may say in its place.
  if (parsed.suffix !== undefined)
    return refused(403, 'topics that end in status or error are for the platform');
  return { kind: 'topic', topic: parsed };
};

/** The same of what a client wants to be subscribed to. */
export const judgeFilter = (filter: string): FilterVerdict => {
  const no = (why: string): FilterVerdict => ({ kind: 'refused', why });
  const fault = textFault(filter);
  if (fault !== undefined) return no(`a filter ${fault}`);
  const levels = filter.split('/');
  const [prefix, appVersion, extension, token] = levels;
  if (prefix !== 'kp1') return no('a filter must begin with kp1');
  if (appVersion === undefined || extension === undefined || token === undefined) {
    return no('a filter must have at least four levels');
  }
  if (levels.some((level) => !isFilterLevel(level))) return no('a filter has an unusable level');
  if (levels.indexOf('#') >= 0 && levels.indexOf('#') < levels.length - 1)
    return no('# before the last level');
  if (isWildcard(appVersion) || isWildcard(token)) {
    return no('a wildcard in place of the application version or the token');
  }
  if (extension === '#') return no('# before the token');
  return { kind: 'filter', appVersion, token };
};

/** As RabbitMQ writes a filter. */
export const patternOf = (filter: string): string => filter.replaceAll('/', '.').replaceAll('+', '*');

/** Whether who is subscribed to the filter gets what is published to the topic. Both have been judged. */
export const hears = (filter: string, topic: string): boolean =>
  matchesBinding(patternOf(filter), topic.replaceAll('/', '.'));

const isWildcard = (level: string): boolean => level === '+' || level === '#';

/** As RabbitMQ will route it: `.` would be a level of its own there, and `*` alone a wildcard. */
const isFilterLevel = (level: string): boolean =>
  isWildcard(level) || (level !== '*' && level !== '' && !/[.+#\s]/.test(level));

const textFault = (text: string): string | undefined => {
  if (text === '') return 'is empty';
  if (Buffer.byteLength(text) > MAX_TOPIC_BYTES) return `has more than ${MAX_TOPIC_BYTES} bytes`;
  // What the codec makes of bytes that are no UTF-8.
  if (text.includes('\uFFFD')) return 'is not UTF-8';
  // oxlint-disable-next-line no-control-regex -- control characters are what it keeps out
  if (/[\u0000-\u001f\u007f]/.test(text)) return 'holds a control character';
  return undefined;
};
