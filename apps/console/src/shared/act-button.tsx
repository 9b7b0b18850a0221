import { Button, type ButtonProps } from '@mantine/core';
import type { ComponentPropsWithoutRef } from 'react';
import { useMayChange, type Entity } from '../shell/session.js';

/** A button of an act that needs a right: without it, it is there, cannot be pressed, and says which right is missing. */
export const ActButton = ({
  needs,
  disabled,
  title,
  ...props
}: ButtonProps &
  Omit<ComponentPropsWithoutRef<'button'>, keyof ButtonProps> & {
    /** The right to change these. */
    readonly needs: Entity;
  }) => {
  const may = useMayChange(needs);
  return (
    <Button
      {...props}
      disabled={disabled === true || !may}
      title={
        may ? title : `You may not change this: the right to change ${needs.replaceAll('-', ' ')}s is missing`
      }
    />
  );
};
