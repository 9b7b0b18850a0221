import { choice, int, string } from './config.js';
import { LOG_LEVELS } from './logger.js';

/** The configuration that every process has. */
export const processKeys = {
  logLevel: choice({
    env: 'MUSTER_LOG_LEVEL',
    doc: 'Least important lines that are logged',
    values: LOG_LEVELS,
    default: 'info',
  }),
  opsPort: int({
    env: 'MUSTER_OPS_PORT',
    doc: 'Port of `/health/live`, `/health/ready` and `/metrics`, open before anything is waited for; not set: none of its own',
    min: 0,
    max: 65_535,
    optional: true,
  }),
  opsHost: string({
    env: 'MUSTER_OPS_HOST',
    doc: 'Address of that port; `0.0.0.0` where probes come from outside, as in a container',
    default: '127.0.0.1',
  }),
  stopSeconds: int({
    env: 'MUSTER_STOP_SECONDS',
    doc: 'Time to stop in. Requests have half of it to finish; after all of it the process ends with an error',
    unit: 'seconds',
    min: 1,
    max: 3_600,
    default: 20,
  }),
};

/** How long what is under way may take when an app stops: the other half is for what that leaves to be written and closed. */
export const finishMs = ({ stopSeconds }: { readonly stopSeconds: number }): number => stopSeconds * 500;
