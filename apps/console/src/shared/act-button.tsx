import { Button, Menu, type ButtonProps, type MenuItemProps } from '@mantine/core';
import { Link, type LinkProps } from '@tanstack/react-router';
import type { ComponentPropsWithoutRef } from 'react';
import { ENTITY_NAMES, type Entity } from '../shell/entities.js';
import { useMayChange } from '../shell/session.js';

/** What stands at an act that needs a right which who is signed in does not have; undefined: it may be done. */
export const useRefusal = (needs: Entity): string | undefined =>
  useMayChange(needs)
    ? undefined
    : `You may not change this: the right to change ${ENTITY_NAMES[needs]} is missing`;

interface Needs {
  /** The right to change these. */
  readonly needs: Entity;
}

type OfButton = ButtonProps & Omit<ComponentPropsWithoutRef<'button'>, keyof ButtonProps>;

/** A button of an act that needs a right: without it, it is there, cannot be pressed, and says which right is missing. */
export const ActButton = ({ needs, disabled, title, ...props }: OfButton & Needs) => {
  const refusal = useRefusal(needs);
  return <Button {...props} disabled={disabled === true || refusal !== undefined} title={refusal ?? title} />;
};

/** The same as an item of a menu. */
export const ActItem = ({
  needs,
  disabled,
  title,
  ...props
}: MenuItemProps & Omit<ComponentPropsWithoutRef<'button'>, keyof MenuItemProps> & Needs) => {
  const refusal = useRefusal(needs);
  return (
    <Menu.Item {...props} disabled={disabled === true || refusal !== undefined} title={refusal ?? title} />
  );
};

/** The same as a link to the page where the act is done. */
export const ActLink = ({
  needs,
  to,
  params,
  ...props
}: Omit<OfButton, 'onClick'> & Needs & Pick<LinkProps, 'to' | 'params'>) => {
  const refusal = useRefusal(needs);
  if (refusal !== undefined) return <Button {...props} disabled title={refusal} />;
  const { children, ...look } = props as ButtonProps;
  return (
    <Button {...look} renderRoot={(root) => <Link {...root} to={to} params={params} />}>
      {children}
    </Button>
  );
};
