import { TextInput } from '@mantine/core';
import { JsonInput } from './json-input.js';

/** The name of a key, where it is a new one, and what is set for it, as JSON. */
export const KeyAndJson = ({
  isNew,
  name,
  onName,
  label,
  isSchema = false,
  text,
  onText,
  fault,
}: {
  readonly isNew: boolean;
  readonly name: string;
  readonly onName: (name: string) => void;
  readonly label: string;
  /** What is declared of the key, and not a value of it that could be secret. */
  readonly isSchema?: boolean;
  readonly text: string;
  readonly onText: (text: string) => void;
  /** What is against it, where it is JSON. */
  readonly fault: string | undefined;
}) => (
  <>
    {isNew && (
      <TextInput
        data-autofocus
        required
        label="Key"
        value={name}
        onChange={(event) => onName(event.currentTarget.value)}
      />
    )}
    <JsonInput
      autoFocus={!isNew}
      label={label}
      {...(isSchema ? {} : { of: name.trim() })}
      text={text}
      onChange={onText}
      fault={fault}
    />
  </>
);
