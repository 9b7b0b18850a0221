/** What a device's MQTT topics mean. */
export type Published =
  | { readonly type: 'telemetry'; readonly bag: ReadonlyMap<string, string> }
  | { readonly type: 'getTwin'; readonly requestId: string }
  | { readonly type: 'reportProperties'; readonly requestId: string }
  | { readonly type: 'methodResult'; readonly status: number; readonly requestId: string };

export type Subscription = 'c2d' | 'twinResponses' | 'desired' | 'methods';

/** Undefined: a device may not publish there. */
export const parseTopic = (deviceId: string, topic: string): Published | undefined => {
  const events = `devices/${deviceId}/messages/events`;
  if (topic === events || topic.startsWith(`${events}/`)) {
    const bag = parseBag(topic.slice(events.length + 1).replace(/\/$/, ''));
    return bag === undefined ? undefined : { type: 'telemetry', bag };
  }
  const [path = '', query = ''] = topic.split('?');
  const requestId = parseBag(query)?.get('$rid');
  if (requestId === undefined) return undefined;
  if (path === '$iothub/twin/GET/') return { type: 'getTwin', requestId };
  if (path === '$iothub/twin/PATCH/properties/reported/') return { type: 'reportProperties', requestId };
  const status = /^\$iothub\/methods\/res\/(-?\d+)\/$/.exec(path)?.[1];
  return status === undefined ? undefined : { type: 'methodResult', status: Number(status), requestId };
};

/** Undefined: a device may not subscribe to it. */
export const parseFilter = (deviceId: string, filter: string): Subscription | undefined => {
  switch (filter) {
    case `devices/${deviceId}/messages/devicebound/#`:
      return 'c2d';
    case '$iothub/twin/res/#':
      return 'twinResponses';
    case '$iothub/twin/PATCH/properties/desired/#':
      return 'desired';
    case '$iothub/methods/POST/#':
      return 'methods';
    default:
      return undefined;
  }
};

export const c2dTopic = (deviceId: string, bag: ReadonlyMap<string, string>): string =>
  `devices/${deviceId}/messages/devicebound/${formatBag(bag)}`;

export const twinResponseTopic = (status: number, requestId: string, version?: number): string =>
  `$iothub/twin/res/${status}/?$rid=${requestId}${version === undefined ? '' : `&$version=${version}`}`;

export const desiredTopic = (version: number): string =>
  `$iothub/twin/PATCH/properties/desired/?$version=${version}`;

export const methodTopic = (methodName: string, requestId: string): string =>
  `$iothub/methods/POST/${methodName}/?$rid=${requestId}`;

/** `a=1&b=%20`. A name without value has an empty one. Undefined: not URL-encoded. */
export const parseBag = (text: string): ReadonlyMap<string, string> | undefined => {
  try {
    return new Map(
      text
        .replace(/^\?/, '')
        .split('&')
        .filter((pair) => pair !== '')
        .map((pair): [string, string] => {
          const at = pair.indexOf('=');
          const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
          return [decodeURIComponent(name), decodeURIComponent(value)];
        }),
    );
  } catch {
    return undefined;
  }
};

export const formatBag = (bag: ReadonlyMap<string, string>): string =>
  [...bag].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
