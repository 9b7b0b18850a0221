import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { fromLocal, ownZone, toLocal } from './local-time.js';

/**
 * A time in the zone of who looks, to the second; in and out as the API writes it. Undefined: none. What nobody touches stays
 * as it was, to the millisecond.
 */
export const TimeInput = ({
  label,
  description,
  at,
  max,
  onChange,
  error,
}: {
  readonly label: string;
  readonly description?: string;
  readonly at: string | undefined;
  readonly max?: string;
  readonly onChange: (at: string | undefined) => void;
  readonly error?: string | undefined;
}) => {
  const [was] = useState(at);
  return (
    <TextInput
      type="datetime-local"
      step={1}
      label={
        <>
          {label} <span className="dim">{ownZone()}</span>
        </>
      }
      description={description}
      inputWrapperOrder={['label', 'input', 'description', 'error']}
      value={toLocal(at)}
      {...(max === undefined ? {} : { max: toLocal(max) })}
      onChange={(event) => onChange(fromLocal(event.currentTarget.value, was))}
      error={error}
    />
  );
};
