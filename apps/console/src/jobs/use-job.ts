import { useQuery } from '@tanstack/react-query';
import { problemOf } from '../api/problem.js';
import { jobQuery, type Job } from './jobs.queries.js';

const AGAIN_MS = 2_000;
const TRIES = 5;

/**
 * A job, read until it has ended: a short one ends before anybody listens to it. One that is not known though it was asked
 * for again and again (it is not there in its first moment, either) ended so long ago that it was forgotten.
 */
export const useJob = (
  id: string,
  afterMs: number | false = false,
): { readonly job: Job | undefined; readonly isOver: boolean } => {
  const read = useQuery({
    ...jobQuery(id),
    retry: TRIES,
    retryDelay: 1_000,
    refetchInterval: ({ state: { data, error } }) =>
      isForgotten(error) ? false : data?.endedAt === undefined ? AGAIN_MS : afterMs,
  });
  return { job: read.data, isOver: read.data?.endedAt !== undefined || isForgotten(read.error) };
};

const isForgotten = (error: unknown): boolean => error !== null && problemOf(error).status === 404;
