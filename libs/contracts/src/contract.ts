import type { ErrorCode } from './errors.js';

/** A class whose fields carry class-validator rules; the wire format is its plain JSON. */
export type Shape<T extends object> = new () => T;

/**
 * A request over core NATS, declared once and used by both ends: the server validates requests, the client replies.
 * Besides `errors`, every request may answer `invalid-request`, `unavailable`, `deadline-exceeded` and `internal`.
 */
export interface RequestContract<Request extends object, Reply extends object> {
  /** `muster.v1.service.<service>.<entity>.<verb>` */
  readonly subject: string;
  readonly request: Shape<Request>;
  readonly reply: Shape<Reply>;
  readonly errors: readonly ErrorCode[];
  /** True where sending it twice changes nothing more: such a request may be repeated after `unavailable` or a deadline. */
  readonly idempotent: boolean;
}

export const defineRequest = <Request extends object, Reply extends object>(
  contract: RequestContract<Request, Reply>,
): RequestContract<Request, Reply> => {
  assertSubject(contract.subject, /^muster\.v1\.service(\.[a-z][a-z0-9-]*){3}$/);
  return Object.freeze(contract);
};

export type RequestOf<C> = C extends RequestContract<infer Request, object> ? Request : never;
export type ReplyOf<C> = C extends RequestContract<object, infer Reply> ? Reply : never;

/**
 * An event published to JetStream for other services and integrators, at least once, as a CloudEvent in binary mode:
 * the payload is `data` alone. Ordered per entity by `version` inside `data`; a reader skips what it has seen.
 */
export interface PublishedContract<Data extends object> {
  readonly service: string;
  readonly entity: string;
  /** Past tense: `provisioned`, `changed`. */
  readonly verb: string;
  /** Raised by a breaking change of `data`; additions are not breaking. */
  readonly schemaVersion: number;
  readonly data: Shape<Data>;
  /** CloudEvents `type`: `io.muster.<entity>.<verb>.v<schemaVersion>`. */
  readonly type: string;
  /** Filter for all entities of all tenants. */
  readonly filter: string;
  subject(tenantId: string, entityId: string): string;
}

export const definePublished = <Data extends object>(declared: {
  readonly service: string;
  readonly entity: string;
  readonly verb: string;
  readonly schemaVersion: number;
  readonly data: Shape<Data>;
}): PublishedContract<Data> => {
  const { service, entity, verb, schemaVersion } = declared;
  for (const token of [service, entity, verb]) assertSubject(token, /^[a-z][a-z0-9-]*$/);
  return Object.freeze({
    ...declared,
    type: `io.muster.${entity}.${verb}.v${schemaVersion}`,
    filter: `muster.v1.event.${service}.*.${entity}.${verb}.*`,
    subject: (tenantId: string, entityId: string) =>
      `muster.v1.event.${service}.${subjectToken(tenantId)}.${entity}.${verb}.${subjectToken(entityId)}`,
  });
};

/**
 * What the processes of one service tell each other, now or never: over core NATS, to all that are there, the sender among them.
 * Nothing is kept, repeated or acknowledged, so what must not be missed is no signal.
 */
export interface SignalContract<Data extends object> {
  /** `muster.v1.signal.<service>.<entity>.<verb>` */
  readonly subject: string;
  readonly data: Shape<Data>;
}

export const defineSignal = <Data extends object>(contract: SignalContract<Data>): SignalContract<Data> => {
  assertSubject(contract.subject, /^muster\.v1\.signal(\.[a-z][a-z0-9-]*){3}$/);
  return Object.freeze(contract);
};

/** Where the REST API serves the JSON Schema of an event's data. Part of every event: it never changes. */
export const eventSchemaPath = (type: string): string => `/api/v1/events/schemas/${type}.json`;

export type DataOf<C> = C extends PublishedContract<infer Data> ? Data : never;

/** The JetStream stream that holds what a service publishes: each event as a message of its own, and in bundles. */
export const eventStream = (
  service: string,
): { readonly name: string; readonly subjects: readonly string[] } => ({
  name: `EVENTS_${service.toUpperCase().replaceAll('-', '_')}`,
  subjects: [`muster.v1.event.${service}.>`, `${BUNDLES}${service}.>`],
});

/**
 * Where our own services read the events of one kind of entity: the same events, up to 100 in a message, as CloudEvents in
 * batched JSON. A message of its own for each is for integrators, whose filters name an event or an entity.
 */
export const bundleSubject = (
  { service, entity }: Pick<PublishedContract<object>, 'service' | 'entity'>,
  tenantId: string,
): string => `${BUNDLES}${service}.${tenantId === '*' ? '*' : subjectToken(tenantId)}.${entity}`;

export const isBundle = (subject: string): boolean => subject.startsWith(BUNDLES);

const BUNDLES = 'muster.v1.bundle.';

/** Only ids of ours go into subjects: a text with `.`, `*`, `>` or a space would break filters and permissions. */
export const subjectToken = (text: string): string => {
  assertSubject(text, /^[A-Za-z0-9_-]{1,64}$/);
  return text;
};

const assertSubject = (text: string, rule: RegExp): void => {
  if (!rule.test(text)) throw new Error(`"${text}" cannot be used in a subject: ${rule.source}`);
};
