import { Button, Group, Input, Textarea } from '@mantine/core';
import { JsonFault, readJsonText } from '@muster/json';
import { useId, useState } from 'react';
import type { Schema } from '../api/client.js';
import { useCover } from './value.js';

/** As the REST API takes it. */
const MOST_LEVELS = 100;

/**
 * `text` as a value, or why it is none. Written as JSON, so that "5" and 5 stay two things; what the platform would refuse
 * because it is not kept as it is written is refused here by the same rules, and not rounded before it gets there.
 */
export const readJson = (
  text: string,
): { readonly value: Schema<'JsonValue'> } | { readonly fault: string; readonly asText: boolean } => {
  if (text.trim() === '') return { fault: 'A value is missing.', asText: false };
  try {
    return { value: readJsonText(text, MOST_LEVELS) as Schema<'JsonValue'> };
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    const { path, rule } = error;
    const asText = !/^[[{"]/.test(text.trim());
    return asText && rule.startsWith('must be JSON')
      ? { fault: 'This is no JSON. A text goes in quotes.', asText }
      : { fault: `${path === '' ? 'It' : path} ${rule}.`, asText };
  }
};

/** What is secret in the text that it begins with is covered until somebody asks for it. */
export const JsonInput = ({
  label,
  of,
  text,
  onChange,
  fault,
  autoFocus = false,
}: {
  readonly label: string;
  /** The key whose value it is; empty: an object of keys. Undefined: nothing that could be secret. */
  readonly of?: string;
  readonly text: string;
  readonly onChange: (text: string) => void;
  /** What the platform says against the value. */
  readonly fault?: string | undefined;
  readonly autoFocus?: boolean;
}) => {
  const id = useId();
  const cover = useCover();
  const [first] = useState(() => readJson(text));
  const [open, setOpen] = useState(false);
  const read = readJson(text);
  const covered = open || of === undefined || !('value' in first) ? undefined : cover(of, first.value);
  if (covered !== undefined)
    return (
      <Input.Wrapper label={label}>
        <Group gap="xs">
          <code className="anywhere">{covered}</code>
          <Button variant="default" onClick={() => setOpen(true)}>
            Show and edit
          </Button>
        </Group>
      </Input.Wrapper>
    );
  const wrong = 'fault' in read && text !== '' ? read : undefined;
  return (
    <div>
      <Textarea
        id={id}
        label={label}
        value={text}
        onChange={(event) => {
          setOpen(true);
          onChange(event.currentTarget.value);
        }}
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
