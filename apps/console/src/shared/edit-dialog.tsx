import { Button, Group, Stack } from '@mantine/core';
import { Dialog } from './dialog.js';
import type { ReactNode } from 'react';
import { ProblemView } from './problem-view.js';

/**
 * The fields of something that is edited upon what was looked at when it was opened. Where somebody was faster, it stays open
 * with what was typed, beside what they have set; saving then is upon theirs.
 */
export const EditDialog = ({
  title,
  act = 'Save',
  isReady,
  busy,
  error,
  conflict,
  besides,
  onSave,
  onClose,
  children,
}: {
  readonly title: string;
  readonly act?: string;
  /** False: nothing is changed, or something is not finished. */
  readonly isReady: boolean;
  readonly busy: boolean;
  /** What was refused for another reason than that somebody was faster. */
  readonly error: unknown;
  /** What was, theirs and yours; undefined: nobody was faster. */
  readonly conflict: ReactNode;
  /** Another act on the same thing. */
  readonly besides?: ReactNode;
  readonly onSave: () => void;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) => (
  <Dialog onClose={onClose} title={title} size="lg">
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (isReady && !busy) onSave();
      }}
    >
      <Stack gap="sm">
        {children}
        {conflict}
        <ProblemView error={error} ofAct />
        <Group justify="space-between">
          {besides ?? <span />}
          <Group gap="xs">
            <Button variant="default" onClick={onClose}>
              {conflict === undefined ? 'Cancel' : 'Leave theirs'}
            </Button>
            <Button type="submit" loading={busy} disabled={!isReady}>
              {conflict === undefined ? act : `${act} mine over it`}
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  </Dialog>
);
