import { Anchor, type AnchorProps } from '@mantine/core';
import { createLink, type LinkComponent } from '@tanstack/react-router';
import type { ComponentPropsWithRef } from 'react';

const PlainAnchor = (
  props: Omit<AnchorProps, 'href'> & Omit<ComponentPropsWithRef<'a'>, keyof AnchorProps>,
) => <Anchor {...props} />;

/** A link to a page of the console, that looks as every link. */
export const AnchorLink: LinkComponent<typeof PlainAnchor> = createLink(PlainAnchor);
