import type { Schema } from '../api/client.js';

/** What the job has written; how its devices took it, its campaign says. The count of failures is as it was when it ended. */
export const isOfCampaign = ({ kind }: Pick<Schema<'JobView'>, 'kind'>): boolean =>
  kind.startsWith('campaign');

/** The API counts what failed as done too; here what is done has not failed. */
export const doneOf = ({
  done,
  failed,
  kind,
}: Pick<Schema<'JobView'>, 'done' | 'failed' | 'kind'>): number =>
  isOfCampaign({ kind }) ? done : Math.max(0, done - failed);
