import { Switch, Text } from '@mantine/core';
import { useState } from 'react';
import { singleKeysOn, switchSingleKeys } from './keys.js';

/** The switch of the single keys, which are kept in this browser. */
export const SingleKeys = () => {
  const [on, setOn] = useState(singleKeysOn);
  return (
    <>
      <Switch
        mt="md"
        label="Single keys"
        checked={on}
        onChange={(event) => {
          switchSingleKeys(event.currentTarget.checked);
          setOn(event.currentTarget.checked);
        }}
      />
      <Text c="dimmed">Off: only Ctrl K, and the keys of a list that has the focus.</Text>
    </>
  );
};
