import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { problemOf, type Problem } from '../api/problem.js';

/** What was read, with the version of it. */
export interface Versioned<T> {
  readonly data: T;
  readonly etag: string;
}

export interface Edit<T, Change> {
  readonly save: (change: Change) => void;
  readonly busy: boolean;
  /** What there is now, where somebody was faster: the next save is made upon it. */
  readonly theirs: T | undefined;
  /** What was refused for another reason. */
  readonly error: unknown;
  readonly problem: Problem | undefined;
}

/**
 * An edit upon what was looked at when it was opened. Where somebody was faster (412) nothing is saved, what there is now is
 * read, and what was typed stays.
 */
export const useEdit = <T, Change, Answer>({
  opened,
  now,
  send,
  onSaved,
}: {
  readonly opened: Versioned<T>;
  readonly now: () => Promise<Versioned<T>>;
  readonly send: (change: Change, upon: Versioned<T>) => Promise<Answer>;
  readonly onSaved: (answer: Answer) => Promise<void> | void;
}): Edit<T, Change> => {
  const [upon, setUpon] = useState(opened);
  const [theirs, setTheirs] = useState<Versioned<T>>();
  const mutation = useMutation({
    mutationFn: async (change: Change) => {
      try {
        return await send(change, upon);
      } catch (error) {
        if (problemOf(error).status === 412) {
          const next = await now();
          setUpon(next);
          setTheirs(next);
        }
        throw error;
      }
    },
    onSuccess: onSaved,
  });
  const problem = mutation.isError ? problemOf(mutation.error) : undefined;
  const isConflict = problem?.status === 412;
  return {
    save: mutation.mutate,
    busy: mutation.isPending,
    theirs: theirs?.data,
    error: isConflict ? undefined : mutation.error,
    problem: isConflict ? undefined : problem,
  };
};
