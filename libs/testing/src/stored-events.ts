/**
 * Every type of event of an aggregate with its newest schema version. Written out beside the fixtures: the compiler
 * refuses the list when an event is added, or gets another version, and `withoutFixture` then misses its fixture.
 */
export type NewestVersions<Event extends { readonly type: string }> = {
  readonly [One in Event as One['type']]: One extends { readonly schemaVersion: infer Version extends number }
    ? Version
    : 1;
};

/** `<type> <version>` of what is stored somewhere and has no fixture, every version from the first on; good when empty. */
export const withoutFixture = (
  stored: readonly { readonly type: string; readonly schemaVersion: number }[],
  newest: Readonly<Record<string, number>>,
): string[] => {
  const present = new Set(stored.map(({ type, schemaVersion }) => `${type} ${schemaVersion}`));
  return Object.entries(newest)
    .flatMap(([type, version]) => Array.from({ length: version }, (_, index) => `${type} ${index + 1}`))
    .filter((one) => !present.has(one));
};
