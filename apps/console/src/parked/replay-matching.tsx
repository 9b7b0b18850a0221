import { Button, Group, Stack, Text } from '@mantine/core';
import { Dialog } from '../shared/dialog.js';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { Confirm, TYPE_ABOVE } from '../shared/confirm-count.js';
import { count } from '../shared/format.js';
import { ProblemView } from '../shared/problem-view.js';
import { AnchorLink } from '../shared/anchor-link.js';

interface Course {
  readonly replayed: number;
  readonly failures: readonly Schema<'FailedReplay'>[];
}
const NOTHING_YET: Course = { replayed: 0, failures: [] };

/** So many failures are named; the others stay in the list, with their new reasons. */
const FAILURES_NAMED = 20;

/**
 * All open ones that match, oldest first. The platform answers after some seconds with how far it has come; this asks for
 * the rest until there is none, or until it is closed.
 */
export const ReplayMatching = ({
  filter,
  total,
  onClose,
}: {
  readonly filter: string;
  readonly total: number;
  readonly onClose: () => void;
}) => {
  const queries = useQueryClient();
  const [course, setCourse] = useState(NOTHING_YET);
  const stopped = useRef(false);
  useEffect(() => {
    stopped.current = false;
    return () => {
      stopped.current = true;
    };
  }, []);
  const replay = useMutation({
    mutationFn: async () => {
      let cursor: string | null | undefined;
      let so = NOTHING_YET;
      do {
        const some = await answered(
          api.POST('/api/v1/parked/replay', {
            body: { ...(filter === '' ? {} : { filter }), ...(cursor == null ? {} : { cursor }) },
          }),
        );
        so = { replayed: so.replayed + some.replayed, failures: [...so.failures, ...some.failures] };
        setCourse(so);
        cursor = some.nextCursor;
      } while (cursor !== null && !stopped.current);
    },
    onSettled: () => void queries.invalidateQueries({ queryKey: ['parked'] }),
  });
  if (replay.isIdle || (replay.isError && course === NOTHING_YET)) {
    return (
      <Confirm
        title="Replay all that match"
        act={`Replay ${count(total)}`}
        {...(total > TYPE_ABOVE ? { toType: String(total) } : {})}
        busy={false}
        error={replay.error}
        onClose={onClose}
        onConfirm={() => replay.mutate()}
      >
        <Text>
          {count(total)} {total === 1 ? 'message is' : 'messages are'} processed again, the oldest first:{' '}
          {filter === '' ? 'all that are open' : <code>{filter}</code>}. What is parked meanwhile and matches
          is replayed too.
        </Text>
        <Text c="dimmed">
          What fails again stays open with its new reason. What was processed is not taken back.
        </Text>
      </Confirm>
    );
  }
  return (
    <Dialog onClose={onClose} title="Replay all that match" size="lg">
      <Stack gap="sm">
        <Text aria-live="polite">
          {count(course.replayed)} replayed, {count(course.failures.length)} failed again
          {replay.isPending ? ' …' : '.'}
        </Text>
        {course.failures.length > 0 && (
          <ul className="plain-list">
            {course.failures.slice(0, FAILURES_NAMED).map(({ id, code, detail }) => (
              <li key={id} className="anywhere">
                <AnchorLink to="/parked/$id" params={{ id }}>
                  {detail}
                </AnchorLink>{' '}
                <code>{code}</code>
              </li>
            ))}
          </ul>
        )}
        {course.failures.length > FAILURES_NAMED && <Text c="dimmed">The others are in the list.</Text>}
        <ProblemView error={replay.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {replay.isPending ? 'Stop after these' : 'Close'}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
};
