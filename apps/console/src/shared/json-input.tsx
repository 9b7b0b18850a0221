import { Button, Textarea } from '@mantine/core';
import { useId } from 'react';

/** `text` as a value, or why it is none. Written as JSON, so that "5" and 5 stay two things. */
export const readJson = (
  text: string,
): { readonly value: unknown } | { readonly fault: string; readonly asText: boolean } => {
  if (text.trim() === '') return { fault: 'A value is missing.', asText: false };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    const position = error instanceof Error ? error.message.replace(/^.*JSON/, 'This is no JSON') : '';
    return /^[[{"]/.test(text.trim())
      ? { fault: position, asText: false }
      : { fault: 'This is no JSON. A text goes in quotes.', asText: true };
  }
};

export const JsonInput = ({
  label,
  text,
  onChange,
  fault,
  autoFocus = false,
}: {
  readonly label: string;
  readonly text: string;
  readonly onChange: (text: string) => void;
  /** What the platform says against the value. */
  readonly fault?: string | undefined;
  readonly autoFocus?: boolean;
}) => {
  const id = useId();
  const read = readJson(text);
  const wrong = 'fault' in read && text !== '' ? read : undefined;
  return (
    <div>
      <Textarea
        id={id}
        label={label}
        value={text}
        onChange={(event) => onChange(event.currentTarget.value)}
        error={wrong?.fault ?? fault}
        autosize
        minRows={1}
        maxRows={16}
        spellCheck={false}
        classNames={{ input: 'mono' }}
        {...(autoFocus ? { 'data-autofocus': true } : {})}
      />
      {wrong?.asText === true && (
        <Button variant="subtle" mt={4} onClick={() => onChange(JSON.stringify(text.trim()))}>
          Take it as a text: {JSON.stringify(text.trim())}
        </Button>
      )}
    </div>
  );
};
