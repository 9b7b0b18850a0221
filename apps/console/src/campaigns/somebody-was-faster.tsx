import { Text } from '@mantine/core';

/** What is said when a draft was saved by somebody else after it was opened. */
export const SomebodyWasFaster = () => (
  <Text role="alert" className="state-bad">
    Somebody was faster: the draft was changed after you opened this. Nothing of yours is saved yet. What you
    have not touched here stays as theirs.
  </Text>
);
