import { TextInput } from '@mantine/core';

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
    value={at === undefined ? '' : localText(at).slice(0, 16)}
    onChange={(event) => {
      const time = Date.parse(event.currentTarget.value);
      onChange(Number.isNaN(time) ? undefined : new Date(time).toISOString());
    }}
    error={error}
  />
);

/** As the browser's field writes it, in the zone of who looks. */
export const localText = (iso: string): string => {
  const time = new Date(iso);
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
};
