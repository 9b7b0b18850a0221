import { formatRoutingKey, type Topic } from './topic.js';

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
}

export type ResourceName = 'telemetry' | 'configuration' | 'configuration-applied';

export const RESOURCES: readonly Resource[] = [
  { name: 'telemetry', extension: 'dcx', path: ['json'], kind: 'write' },
  { name: 'configuration', extension: 'cmx', path: ['config', 'json'], kind: 'fetch' },
  { name: 'configuration-applied', extension: 'cmx', path: ['applied', 'json'], kind: 'write' },
];

export interface MatchedResource {
  readonly resource: Resource;
  /** Values of the `{name}` levels. */
  readonly parameters: Readonly<Record<string, string>>;
}

const parameterName = (level: string): string | undefined => /^\{(.+)\}$/.exec(level)?.[1];

/** Which resource a topic names; undefined: unknown resource (404). A topic with a reply suffix names none. */
export const matchResource = (
  topic: Topic,
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
export const answersSuccess = (resource: Resource, topic: Topic): boolean =>
  resource.kind === 'fetch' || topic.requestId !== undefined;

export interface UplinkBinding {
  readonly pattern: string;
  /**
   * The last word stands for the request id. It would also match the platform's own `…/status` and `…/error` on a topic
   * without id, so a queue bound with it must be shielded from those.
   */
  readonly endsInRequestId: boolean;
}

/** The topic exchange's bindings through which requests of devices come in: two for each resource. */
export const uplinkBindings = (resources: readonly Resource[] = RESOURCES): readonly UplinkBinding[] =>
  resources.flatMap(({ extension, path }) => {
    const words = path.map((level) => (parameterName(level) === undefined ? level : '*'));
    const pattern = formatRoutingKey({ appVersion: '*', extension, token: '*', path: words });
    return [
      { pattern, endsInRequestId: false },
      { pattern: `${pattern}.*`, endsInRequestId: true },
    ];
  });
