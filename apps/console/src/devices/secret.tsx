import { Button, Code, CopyButton, Group, Text } from '@mantine/core';

/** Shown once, to be copied. */
export const Secret = ({ label, text }: { readonly label: string; readonly text: string }) => (
  <Group gap="xs" wrap="nowrap">
    <Text w={110} c="dimmed">
      {label}
    </Text>
    <Code className="anywhere grow">{text}</Code>
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Button variant="default" onClick={copy}>
          {copied ? 'Copied' : 'Copy'}
        </Button>
      )}
    </CopyButton>
  </Group>
);
