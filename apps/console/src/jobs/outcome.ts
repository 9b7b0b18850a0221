import type { Schema } from '../api/client.js';
import { DRY_RUN } from './kinds.js';

/** What the job has written; how its devices took it, its campaign says. The count of failures is as it was when it ended. */
export const isOfCampaign = ({ kind }: Pick<Schema<'JobView'>, 'kind'>): boolean =>
  kind.startsWith('campaign');

/** What a job is shown as. A dry run that has found rows that would fail has not failed: that is its answer. */
export const jobState = ({ kind, status }: Pick<Schema<'JobView'>, 'kind' | 'status'>): string =>
  kind === DRY_RUN && status === 'failed' ? 'found_faults' : status;

/** The API counts what failed as done too; here what is done has not failed. */
export const doneOf = ({
  done,
  failed,
  kind,
}: Pick<Schema<'JobView'>, 'done' | 'failed' | 'kind'>): number =>
  isOfCampaign({ kind }) ? done : Math.max(0, done - failed);
