import { NumberInput } from '@mantine/core';
import { duration } from './format.js';

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
  readonly width?: number;
  /** It cannot be left out. */
  readonly required?: boolean;
}

/** A number that may be left out. */
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
}: NumberFieldProps) => (
  <NumberInput
    label={label}
    required={required}
    w={width}
    {...(min === undefined ? {} : { min })}
    {...(max === undefined ? {} : { max })}
    allowDecimal={!whole}
    {...(placeholder === undefined ? {} : { placeholder })}
    {...(description === undefined ? {} : { description })}
    inputWrapperOrder={['label', 'input', 'description', 'error']}
    value={value ?? ''}
    onChange={(next) => onChange(typeof next === 'number' ? next : undefined)}
    error={fault}
  />
);

/** Seconds, with how long that is in words: 86,400 is not read as a day at two in the morning. */
export const SecondsField = ({ placeholder = 'default', ...props }: NumberFieldProps) => (
  <NumberField
    {...props}
    label={`${props.label} (s)`}
    placeholder={placeholder}
    {...(props.value === undefined ? {} : { description: duration(props.value) })}
  />
);
