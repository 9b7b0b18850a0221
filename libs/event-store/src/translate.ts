import type { DomainEvent, RecordedEvent } from './aggregate.js';
import type { Published, RelayOptions } from './relay.js';

/** What others are told of the events of one aggregate, or of the announcements under its name. */
export interface Told {
  readonly name: string;
  readonly publishedOf: (event: RecordedEvent) => readonly Published[];
}

/** An aggregate and the function of its `.published.ts`, which is pure. */
export const told = <Event extends DomainEvent>(
  { name }: { readonly name: string; decide?(command: never, state: never): readonly Event[] },
  publishedOf: (event: RecordedEvent<Event>) => readonly Published[],
): Told => ({
  name,
  // The relay has read it with the upcast of this aggregate.
  publishedOf: (event) => publishedOf(event as RecordedEvent<Event>),
});

/** All that a service tells. Of an aggregate that is not among them it knows nothing: a newer version's, left to that one. */
export const translateBy = (...all: readonly Told[]): RelayOptions['translate'] => {
  const byName = new Map(all.map((one) => [one.name, one.publishedOf]));
  return (event) => byName.get(event.aggregate)?.(event);
};
