import assert from 'node:assert/strict';

export type Decider<State, Command, Event> = {
  readonly initial: State;
  readonly evolve: (state: State, event: Event) => State;
  readonly decide: (command: Command, state: State) => readonly Event[];
};

type WhenOptions = {
  /**
   * Every command is sent twice, because every command may be delivered
   * twice; the second must change nothing. Where that is truly not so, say why.
   */
  readonly notIdempotentBecause?: string;
};

/**
 * Tests a decider by its events:
 * `scenario(decider).given([...]).when(command).then([...])` or `.thenThrows('code')`.
 * `then` also sends the command a second time and expects no events from it.
 */
export const scenario = <State, Command, Event>(decider: Decider<State, Command, Event>) => ({
  given: (history: readonly Event[]) => ({
    when: (command: Command, options: WhenOptions = {}) => ({
      then: (expected: readonly Event[]): void => {
        const before = history.reduce(decider.evolve, decider.initial);
        const events = decider.decide(command, before);
        assert.deepStrictEqual(events, expected);
        if (options.notIdempotentBecause !== undefined) return;
        const after = events.reduce(decider.evolve, before);
        assert.deepStrictEqual(
          decider.decide(command, after),
          [],
          `the same command sent a second time must yield no events: ${JSON.stringify(command)}`,
        );
      },
      thenThrows: (code: string): void => {
        const state = history.reduce(decider.evolve, decider.initial);
        assert.throws(
          () => decider.decide(command, state),
          (error: unknown) => {
            assert.equal(codeOf(error), code, `expected the error ${code}, got: ${String(error)}`);
            return true;
          },
        );
      },
    }),
  }),
});

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
