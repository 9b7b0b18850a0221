import { useMutation, useQueryClient, type QueryKey } from '@tanstack/react-query';
import type { ComponentProps, ReactNode } from 'react';
import { useIdempotencyKey } from '../api/idempotency.js';
import { problemOf, type Problem } from '../api/problem.js';
import { Confirm } from './confirm-count.js';

type Asked = Omit<ComponentProps<typeof Confirm>, 'busy' | 'error' | 'onConfirm' | 'children'>;

/**
 * A dialog that asks, or has the fields of a form, and does it: it closes when it is done, and what was refused is said in
 * it. `run` gets a key by which a repetition is known as one.
 */
export const ActDialog = <Answer,>({
  run,
  refreshes,
  onDone,
  answer,
  isReady = true,
  children,
  ...asked
}: Asked & {
  readonly run: (idempotencyKey: string) => Promise<Answer>;
  /** What is read anew afterwards, whatever came of it. */
  readonly refreshes: QueryKey;
  /** In place of closing. */
  readonly onDone?: (answer: Answer) => void;
  /** What is shown afterwards in place of closing; undefined: nothing, it closes. */
  readonly answer?: (answer: Answer) => ReactNode;
  /** False: something in it is not finished, and nothing is done. */
  readonly isReady?: boolean;
  /** With what was refused, for the fields it is about. */
  readonly children: ReactNode | ((problem: Problem | undefined) => ReactNode);
}) => {
  const queries = useQueryClient();
  const once = useIdempotencyKey();
  const act = useMutation({
    mutationFn: () => once(run),
    onSuccess: (done) => {
      if (answer?.(done) === undefined) (onDone ?? asked.onClose)(done);
    },
    onSettled: () => void queries.invalidateQueries({ queryKey: refreshes }),
  });
  const shown = act.isSuccess ? answer?.(act.data) : undefined;
  if (shown !== undefined) return shown;
  return (
    <Confirm {...asked} busy={act.isPending} error={act.error} onConfirm={() => isReady && act.mutate()}>
      {typeof children === 'function' ? children(act.isError ? problemOf(act.error) : undefined) : children}
    </Confirm>
  );
};
