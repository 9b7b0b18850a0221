import { asFailure } from '@muster/local-servers';

const began = Date.now();

// A terminal that was closed refuses every further line. Unheard, that error would end
// the launcher in the middle of stopping the servers.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** One progress line, with the time since the start in front. */
export const say = (line: string): void => {
  const time = ((Date.now() - began) / 1_000).toFixed(1).padStart(6);
  process.stdout.write(`${time} s  ${line}\n`);
};

/** A fault that the user can mend is a sentence and advice; anything else is our bug and shows its stack. */
export const complain = (error: unknown): void => {
  const failure = asFailure(error);
  if (failure === undefined) {
    process.stderr.write(
      `\nThis is a bug in muster's launcher:\n${error instanceof Error ? error.stack : String(error)}\n`,
    );
    return;
  }
  process.stderr.write(`\n${failure.message}\n${failure.advice.map((line) => `  ${line}\n`).join('')}`);
};

/**
 * Calls `stop` at the first Ctrl-C, SIGTERM or closed terminal, `force` at a
 * second one. Some versions of npm deliver the terminal's signal twice, so a
 * repeat within a second is no second wish.
 */
export const onStopSignals = (stop: (by: NodeJS.Signals) => void, force: () => void): void => {
  let first: number | undefined;
  const receive = (by: NodeJS.Signals) => {
    if (first === undefined) {
      first = Date.now();
      stop(by);
    } else if (Date.now() - first > 1_000) {
      force();
    }
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, receive);
};
