import { formatRoutingKey, pushTopic, REPLY_SUFFIXES, type Topic } from './topic.js';

/**
 * A resource of the device API. Everything that depends on which resources exist is read from the table below:
 * matching, the broker's bindings, and when an answer is due. A new one is one entry here and one codec.
 */
export interface Resource {
  readonly name: ResourceName;
  readonly extension: string;
  /** Levels after the token; `{name}` stands for any one level and gives a parameter. */
  readonly path: readonly string[];
  /**
   * `fetch`: somebody waits for the content, so it is always answered, with or without a request id (clients ask
   * without one and wait). `write`: success is told only to who asked with a request id; errors always (Kaa's DCX).
   */
  readonly kind: 'fetch' | 'write';
  /** The platform also speaks unasked on its `/status`, without request id. */
  readonly pushed?: true;
}

export type ResourceName =
  | 'telemetry'
  | 'telemetry-plain'
  | 'metadata-keys'
  | 'metadata'
  | 'metadata-replace'
  | 'metadata-merge'
  | 'metadata-delete'
  | 'commands'
  | 'commands-of-type'
  | 'command-results'
  | 'configuration'
  | 'configuration-named'
  | 'configuration-applied'
  | 'configuration-applied-named'
  | 'state-report'
  | 'state'
  | 'software'
  | 'software-named'
  | 'software-applied'
  | 'software-applied-named'
  | 'upload-token';

export const RESOURCES: readonly Resource[] = [
  { name: 'telemetry', extension: 'dcx', path: ['json'], kind: 'write' },
  { name: 'telemetry-plain', extension: 'dcx', path: ['plain', '{metric}'], kind: 'write' },
  { name: 'metadata-keys', extension: 'epmx', path: ['get', 'keys'], kind: 'fetch' },
  { name: 'metadata', extension: 'epmx', path: ['get'], kind: 'fetch' },
  { name: 'metadata-replace', extension: 'epmx', path: ['update'], kind: 'write' },
  { name: 'metadata-merge', extension: 'epmx', path: ['update', 'keys'], kind: 'write' },
  { name: 'metadata-delete', extension: 'epmx', path: ['delete', 'keys'], kind: 'write' },
  { name: 'commands', extension: 'cex', path: ['command'], kind: 'fetch' },
  { name: 'commands-of-type', extension: 'cex', path: ['command', '{type}'], kind: 'fetch', pushed: true },
  { name: 'command-results', extension: 'cex', path: ['result', '{type}'], kind: 'write' },
  { name: 'configuration', extension: 'cmx', path: ['config', 'json'], kind: 'fetch', pushed: true },
  { name: 'configuration-named', extension: 'cmx', path: ['config', 'json', '{name}'], kind: 'fetch' },
  { name: 'configuration-applied', extension: 'cmx', path: ['applied', 'json'], kind: 'write' },
  {
    name: 'configuration-applied-named',
    extension: 'cmx',
    path: ['applied', 'json', '{name}'],
    kind: 'write',
  },
  { name: 'state-report', extension: 'cmx', path: ['state', 'json'], kind: 'write' },
  { name: 'state', extension: 'cmx', path: ['state', 'json', 'get'], kind: 'fetch' },
  { name: 'software', extension: 'cmx_ota', path: ['config', 'json'], kind: 'fetch', pushed: true },
  {
    name: 'software-named',
    extension: 'cmx_ota',
    path: ['config', 'json', '{name}'],
    kind: 'fetch',
    pushed: true,
  },
  { name: 'software-applied', extension: 'cmx_ota', path: ['applied', 'json'], kind: 'write' },
  {
    name: 'software-applied-named',
    extension: 'cmx_ota',
    path: ['applied', 'json', '{name}'],
    kind: 'write',
  },
  { name: 'upload-token', extension: 'bcx', path: ['token'], kind: 'fetch' },
];

export interface MatchedResource {
  readonly resource: Resource;
  /** Values of the `{name}` levels. */
  readonly parameters: Readonly<Record<string, string>>;
}

const parameterName = (level: string): string | undefined => /^\{(.+)\}$/.exec(level)?.[1];

/** Which resource a topic names; undefined: unknown resource (404). A topic with a reply suffix names none. */
export const matchResource = (
  topic: Pick<Topic, 'extension' | 'path' | 'suffix'>,
  resources: readonly Resource[] = RESOURCES,
): MatchedResource | undefined => {
  if (topic.suffix !== undefined) return undefined;
  for (const resource of resources) {
    if (resource.extension !== topic.extension || resource.path.length !== topic.path.length) continue;
    const parameters: Record<string, string> = {};
    const fits = resource.path.every((level, index) => {
      const given = topic.path[index];
      const name = parameterName(level);
      if (name === undefined || given === undefined) return level === given;
      parameters[name] = given;
      return true;
    });
    if (fits) return { resource, parameters };
  }
  return undefined;
};

/** Whether success is told to the device. Errors are always told. */
export const answersSuccess = (resource: Resource, topic: Pick<Topic, 'requestId'>): boolean =>
  resource.kind === 'fetch' || topic.requestId !== undefined;

export interface UplinkBinding {
  readonly pattern: string;
  readonly extension: string;
  /**
   * The last word stands for a request id or a name. It would also match the platform's own `…/status` and `…/error` one
   * level up, so a queue bound with it must be shielded from those.
   */
  readonly endsInAnything: boolean;
}

/** The topic exchange's bindings through which requests of devices come in: with and without id, each pattern once. */
export const uplinkBindings = (resources: readonly Resource[] = RESOURCES): readonly UplinkBinding[] => {
  // A path that ends in a name is the path above it with an id: `config.json.*` is both.
  const extensions = new Map<string, string>();
  for (const resource of resources) {
    const pattern = formatRoutingKey({ ...ANYBODY, ...resource, path: wordsOf(resource) });
    for (const one of [pattern, `${pattern}.*`]) extensions.set(one, resource.extension);
  }
  return Array.from(extensions, ([pattern, extension]) => ({
    pattern,
    extension,
    endsInAnything: pattern.endsWith('.*'),
  }));
};

/** Patterns of all topics on which one token may be spoken to unasked. */
export const pushPatterns = (
  { appVersion, token }: Pick<Topic, 'appVersion' | 'token'>,
  resources: readonly Resource[] = RESOURCES,
): readonly string[] =>
  resources
    .filter(({ pushed }) => pushed === true)
    .map((resource) =>
      formatRoutingKey(pushTopic({ appVersion, token, ...resource, path: wordsOf(resource) })),
    );

/**
 * MQTT filters for all that the platform says to one token: answers, and what is pushed. None of them fits a topic that a device
 * may publish to, so nothing echoes.
 */
export const platformFilters = ({ appVersion, token }: Pick<Topic, 'appVersion' | 'token'>): string[] =>
  DEPTHS.flatMap((depth) =>
    REPLY_SUFFIXES.map((suffix) =>
      ['kp1', appVersion, '+', token, ...Array<string>(depth).fill('+'), suffix].join('/'),
    ),
  );

/** How many levels stand between the token and the suffix: those of each resource, and one more with a request id. */
const DEPTHS = [...new Set(RESOURCES.flatMap(({ path }) => [path.length, path.length + 1]))];

const ANYBODY = { appVersion: '*', token: '*' };

const wordsOf = ({ path }: Resource): string[] =>
  path.map((level) => (parameterName(level) === undefined ? level : '*'));
