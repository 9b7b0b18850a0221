import { NumberInput } from '@mantine/core';
import { useState } from 'react';
import { duration } from './format.js';
import { numberIn } from './number-text.js';

interface NumberFieldProps {
  readonly label: string;
  /** Undefined: nothing is written, so that what `placeholder` says counts. */
  readonly value: number | undefined;
  readonly onChange: (value: number | undefined) => void;
  readonly min?: number;
  readonly max?: number;
  readonly whole?: boolean;
  readonly placeholder?: string;
  readonly description?: string;
  readonly fault?: string | undefined;
  readonly width?: number | string;
  /** It cannot be left out. */
  readonly required?: boolean;
  readonly hideControls?: boolean;
}

/**
 * A number that may be left out. What is typed stays as it is: `52.` on the way to 52.5 is a text, and whoever uses this is
 * handed the number that it means so far.
 */
export const NumberField = ({
  label,
  value,
  onChange,
  min,
  max,
  whole = true,
  placeholder,
  description,
  fault,
  width = 170,
  required = false,
  hideControls = false,
}: NumberFieldProps) => {
  const [text, setText] = useState<number | string>(value ?? '');
  // Another number was given from outside.
  if (numberIn(text) !== numberIn(value ?? '')) setText(value ?? '');
  return (
    <NumberInput
      label={label}
      required={required}
      w={width}
      hideControls={hideControls}
      {...(min === undefined ? {} : { min })}
      {...(max === undefined ? {} : { max })}
      allowDecimal={!whole}
      {...(placeholder === undefined ? {} : { placeholder })}
      {...(description === undefined ? {} : { description })}
      inputWrapperOrder={['label', 'input', 'description', 'error']}
      value={text}
      onChange={(next) => {
        setText(next);
        onChange(numberIn(next));
      }}
      error={fault}
    />
  );
};

/** Seconds, with how long that is in words: 86,400 is not read as a day at two in the morning. */
export const SecondsField = ({ placeholder = 'default', ...props }: NumberFieldProps) => (
  <NumberField
    {...props}
    label={`${props.label} (s)`}
    placeholder={placeholder}
    {...(props.value === undefined ? {} : { description: duration(props.value) })}
  />
);
