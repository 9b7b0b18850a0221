import { Text } from '@mantine/core';
import { duration } from '../shared/format.js';
import { StateMark } from '../shared/state-mark.js';

/** The registry follows what other services say of devices; so much behind is nothing to look after. */
const USUAL_SECONDS = 10;

/** Says so where the states that are shown and filtered by are not those of now. */
export const StateAge = ({ stateLagSeconds }: { readonly stateLagSeconds?: number }) => {
  if (stateLagSeconds !== undefined && stateLagSeconds <= USUAL_SECONDS) return null;
  return (
    <Text mb="xs">
      <StateMark
        state="reconnecting"
        word={
          stateLagSeconds === undefined
            ? 'How devices are configured and what they run is being read in: these numbers are not complete.'
            : `How devices are configured and what they run is as it was ${duration(stateLagSeconds)} ago.`
        }
      />
    </Text>
  );
};
