import type { PublishedContract, RequestContract } from '@muster/contracts';
import { EventPattern, MessagePattern, RpcException } from '@nestjs/microservices';

/** An event as a consumer gets it. `data` was checked against its contract; fields that are newer than ours are in it too. */
export interface Delivered<Data = unknown> {
  readonly contract: PublishedContract<object>;
  readonly tenantId: string;
  readonly entityId: string;
  readonly data: Data;
  /** The same for every delivery and every copy of this event. */
  readonly id: string;
  /** ISO 8601. */
  readonly time: string;
  /** 1 the first time. */
  readonly deliveries: number;
  readonly traceparent?: string;
}

/** Tells which of a consumer's events this is. */
export const isEvent = <Data extends object>(
  event: Delivered,
  contract: PublishedContract<Data>,
): event is Delivered<Data> => event.contract === contract;

/** `retry`: again later, parked after `maxDeliver` tries. `park`: never again, somebody must look at it. */
export type ItemResult =
  { readonly outcome: 'done' } | { readonly outcome: 'retry' | 'park'; readonly reason: string };

export interface ConsumesOptions<Events extends readonly PublishedContract<object>[]> {
  /**
   * Name of the durable consumer, `[a-z0-9-]`; all replicas share it, each event goes to one of them. One per stream is
   * made when `events` come from several services.
   */
  readonly durable: string;
  readonly events: Events;
  /** Up to `size` events at once; after the first, `waitMs` is waited for more. Default 100 and 0. */
  readonly batch?: { readonly size: number; readonly waitMs: number };
  /** Tries of one event before it is parked. Default 6. */
  readonly maxDeliver?: number;
  /** Pause before each further try, in milliseconds; the last is used for all that follow. Default 0.5, 2, 10, 30 s. */
  readonly retryDelaysMs?: readonly number[];
  /** How long a silent process may hold an event before others get it; its work may take 30 times that. Default 10,000. */
  readonly ackWaitMs?: number;
  /** An event that waits this long for a fault to pass lets the others by, and waits beside them. Default 30,000. */
  readonly patienceMs?: number;
  /** Where a consumer that does not exist yet begins. Default `beginning`: everything the stream still has. */
  readonly from?: 'beginning' | 'now';
  /** After an update from a version before bundles: for how long that may still be there, or come back. Default an hour. */
  readonly singlesForMs?: number;
}

/** One result per event, in their order; nothing: all are done. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- a method that returns nothing is the ordinary case
export type Results = void | readonly ItemResult[];

interface RequestExtras {
  readonly request: RequestContract<object, object>;
}

interface ConsumerExtras {
  readonly consumer: ConsumesOptions<readonly PublishedContract<object>[]>;
}

/** What a handler is for, as the strategy finds it in the pattern's extras. */
export type HandlerExtras = Partial<RequestExtras & ConsumerExtras>;

/** `unknown` where a method takes all that is given to it, otherwise `never`, which no descriptor is. */
type Takes<Given, Argument> = Given extends Argument ? unknown : never;

/**
 * Answers a request contract. The method gets plain JSON that keeps the contract's rules, and returns the reply or
 * throws an `AppError` the contract names.
 */
export const Handles =
  <Request extends object, Reply extends object>(contract: RequestContract<Request, Reply>) =>
  <Argument, Result extends Reply>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<(request: Argument) => Promise<Result>> & Takes<Request, Argument>,
  ): void => {
    const extras: RequestExtras = { request: contract };
    MessagePattern(contract.subject, extras)(target, key, passErrorsThrough(descriptor));
  };

/**
 * Receives published events through a durable JetStream consumer, each at least once. When the method resolves, all
 * are done, unless it returns one result per event. When it throws a fault that passes (`isPassing`), the same events are
 * tried again in place, for as long as it takes; when it throws anything else, each event is tried alone, so that only the
 * bad one is delayed and, in the end, parked.
 */
export const Consumes =
  <const Events extends readonly PublishedContract<object>[]>(options: ConsumesOptions<Events>) =>
  <Argument, Result extends Results>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<(events: Argument) => Promise<Result>> &
      Takes<DeliveredOf<Events[number]>[], Argument>,
  ): void => {
    const extras: ConsumerExtras = { consumer: options };
    EventPattern(`consumer ${options.durable}`, extras)(target, key, passErrorsThrough(descriptor));
  };

type DeliveredOf<Contract> = Contract extends PublishedContract<infer Data> ? Delivered<Data> : never;

/** Nest replaces every error that is not an `RpcException` by a fixed text; inside of one ours arrives as it is. */
const passErrorsThrough = <Argument, Result>(
  descriptor: TypedPropertyDescriptor<(argument: Argument) => Promise<Result>>,
): PropertyDescriptor => {
  const method = descriptor.value;
  if (method === undefined) throw new Error('a handler must be a method');
  const passing = async function (this: unknown, argument: Argument): Promise<Result> {
    try {
      return await method.call(this, argument);
    } catch (error) {
      throw error instanceof RpcException
        ? error
        : new RpcException(error instanceof Error ? error : String(error));
    }
  };
  // Nest and its logs find a method by its name.
  Object.defineProperty(passing, 'name', { value: method.name });
  for (const name of Reflect.getMetadataKeys(method)) {
    Reflect.defineMetadata(name, Reflect.getMetadata(name, method), passing);
  }
  descriptor.value = passing;
  return descriptor;
};
