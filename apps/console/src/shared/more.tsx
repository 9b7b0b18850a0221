import { Button, Text } from '@mantine/core';
import { count } from './format.js';
import { MOST } from './most.js';

/** The way to the rest of a list whose newest are shown, and where there is no more of it here, how all of it is had. */
export const More = ({
  isMore,
  shown,
  call,
  onMore,
}: {
  readonly isMore: boolean;
  /** So many are asked for. */
  readonly shown: number;
  /** What lists all: `GET /api/v1/…`. */
  readonly call: string;
  readonly onMore?: () => void;
}) => {
  if (!isMore) return null;
  return shown < MOST && onMore !== undefined ? (
    <Button variant="default" mt="sm" onClick={onMore}>
      Show more
    </Button>
  ) : (
    <Text c="dimmed" mt="sm">
      These are the newest {count(shown)}; {call} lists all.
    </Text>
  );
};
