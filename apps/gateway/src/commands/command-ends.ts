import {
  commandCancelled,
  commandExecuted,
  commandExpired,
  commandFailed,
  type CommandFact,
} from '@muster/contracts/commands/published';
import { type Following } from '../providers.js';

/** Which commands of a device have ended since it was made. */
export interface CommandEnds {
  /** Resolves when the command has ended or `signal` is aborted, whichever comes first. */
  until(commandId: string, signal: AbortSignal): Promise<void>;
  stop(): void;
}

/**
 * Made before a command is created, it does not miss its end: a device may answer before the creation is answered. Live
 * events may be lost all the same, so whoever waits asks for the command at last.
 */
export const listenForEnds = async (
  follow: Following,
  device: { readonly tenantId: string; readonly deviceId: string },
): Promise<CommandEnds> => {
  const ended = new Set<string>();
  let wake = (): void => undefined;
  const live = await follow({
    events: [commandExecuted, commandFailed, commandExpired, commandCancelled],
    tenantId: device.tenantId,
    entityId: device.deviceId,
    onEvent: ({ data }) => {
      ended.add((data as CommandFact).commandId); // all four events are
      wake();
    },
  });
  return {
    until: async (commandId, signal) => {
      const aborted = (): void => wake();
      signal.addEventListener('abort', aborted);
      while (!ended.has(commandId) && !signal.aborted) {
        await new Promise<void>((resolve) => (wake = resolve));
      }
      signal.removeEventListener('abort', aborted);
    },
    stop: () => live.stop(),
  };
};
