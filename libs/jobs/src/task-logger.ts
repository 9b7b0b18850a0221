import type { Logger as OwnLogger } from '@muster/observability';
import { Logger } from 'graphile-worker';

/**
 * graphile-worker's words in our log. It reports every finished task as information and its own recovery as an error;
 * what matters of either we log ourselves, so nothing of it is above a warning.
 */
export const taskLogger = (logger?: OwnLogger): Logger =>
  new Logger(() => (level, message, meta) => {
    const { error } = (meta ?? {}) as { error?: unknown };
    if (LOUD.includes(level)) logger?.warn({ err: error }, `graphile-worker: ${message}`);
    else logger?.debug(`graphile-worker: ${message}`);
  });

const LOUD: readonly string[] = ['error', 'warning'];
