import { TextInput } from '@mantine/core';
import { fromLocal, toLocal } from './local-time.js';

/** A time in the zone of who looks; in and out as the API writes it. Undefined: none. */
export const TimeInput = ({
  label,
  description,
  at,
  onChange,
  error,
}: {
  readonly label: string;
  readonly description?: string;
  readonly at: string | undefined;
  readonly onChange: (at: string | undefined) => void;
  readonly error?: string | undefined;
}) => (
  <TextInput
    type="datetime-local"
    label={label}
    description={description}
    value={toLocal(at)}
    onChange={(event) => onChange(fromLocal(event.currentTarget.value))}
    error={error}
  />
);
