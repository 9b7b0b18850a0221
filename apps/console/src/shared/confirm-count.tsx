import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { Dialog } from './dialog.js';
import { useState, type ReactNode } from 'react';
import { ProblemView } from './problem-view.js';
import { count } from './format.js';

/** From so many devices on, the number is typed. */
export const TYPE_ABOVE = 100;

/**
 * Asks before something that reaches many or cannot be taken back. `toType` is what must be typed first; without it a
 * button is enough.
 */
export const Confirm = ({
  title,
  children,
  act,
  toType,
  danger = false,
  busy,
  error,
  gone,
  onConfirm,
  onClose,
}: {
  readonly title: string;
  readonly children: ReactNode;
  readonly act: string;
  readonly toType?: string;
  readonly danger?: boolean;
  readonly busy: boolean;
  readonly error?: unknown;
  /** Why it cannot be done any more: what was asked about has changed while this was open, by somebody else. */
  readonly gone?: string | undefined;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}) => {
  const [typed, setTyped] = useState('');
  const plain = typed.replaceAll(/[\s.,'’]/g, '');
  const isGone = gone !== undefined && !busy;
  const allowed = !isGone && (toType === undefined || plain === toType.replaceAll(/[\s.,'’]/g, ''));
  return (
    <Dialog onClose={onClose} title={title} size="lg">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (allowed && !busy) onConfirm();
        }}
      >
        <Stack gap="sm">
          {children}
          {toType !== undefined && (
            <TextInput
              data-autofocus
              label={`Type ${toType} to confirm`}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              autoComplete="off"
              maw={260}
            />
          )}
          <ProblemView error={error} ofAct />
          {isGone && (
            <Text role="alert" className="state-bad">
              {gone}
            </Text>
          )}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Back
            </Button>
            <Button type="submit" disabled={!allowed} loading={busy} {...(danger ? { color: 'red.9' } : {})}>
              {act}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
};

/** The split of a preview. */
export const TypeSplit = ({ byDeviceType }: { readonly byDeviceType: Readonly<Record<string, number>> }) => (
  <Text>
    {Object.entries(byDeviceType)
      .sort(([, a], [, b]) => b - a)
      .map(([name, devices]) => `${count(devices)} ${name}`)
      .join(' · ')}
  </Text>
);
