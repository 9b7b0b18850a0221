import { Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core';
import { Dialog } from './dialog.js';
import type { ReactNode } from 'react';

/** A text with a button that copies it. */
export const CopyText = ({ label, text }: { readonly label: string; readonly text: string }) => (
  <Group gap="xs" wrap="nowrap" align="start">
    <Text c="dimmed" className="copy-label">
      {label}
    </Text>
    <Code block className="anywhere grow copy-text" tabIndex={0}>
      {text}
    </Code>
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Button variant="default" className="copy-button" onClick={copy} aria-label={`Copy: ${label}`}>
          {copied ? 'Copied' : 'Copy'}
        </Button>
      )}
    </CopyButton>
  </Group>
);

/**
 * What is secret, in the answer that made it and in no other: it is on the page until this is closed, and nowhere after
 * that. Nothing of `secrets` is there: the answer that held it was lost on the way, and the call was repeated.
 */
export const ShownOnce = ({
  title,
  secrets,
  lost,
  again,
  onClose,
  children,
}: {
  readonly title: string;
  readonly secrets: Readonly<Record<string, string | undefined>>;
  /** What to do when the answer was lost. */
  readonly lost?: string;
  /** Said in place of that it is not shown again: how it can be had once more. */
  readonly again?: string;
  readonly onClose: () => void;
  readonly children?: ReactNode;
}) => {
  const shown = Object.entries(secrets).filter((one): one is [string, string] => one[1] !== undefined);
  return (
    // Escape would take with it what is not shown again.
    <Dialog
      onClose={onClose}
      title={title}
      size="lg"
      closeOnEscape={shown.length === 0 || again !== undefined}
    >
      <Stack gap="sm">
        <Text>
          {shown.length === 0
            ? `The answer that showed it did not arrive, and it is not shown again. ${lost ?? ''}`
            : (again ?? 'Copy it now: it is not shown again.')}
        </Text>
        {shown.map(([label, text]) => (
          <CopyText key={label} label={label} text={text} />
        ))}
        {children}
        <Group justify="flex-end">
          <Button onClick={onClose}>Close, I have it</Button>
        </Group>
      </Stack>
    </Dialog>
  );
};
