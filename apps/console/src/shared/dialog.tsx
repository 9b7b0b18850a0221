import { Modal, type ModalProps } from '@mantine/core';
import { useEffect, useState } from 'react';

/** What had the focus before there was a dialog; where one dialog follows another it stays what opened the first. */
let opener: HTMLElement | undefined;

/** Of an item of a menu, which goes away with it, the button that opens the menu. */
const remember = (focused: Element | null): void => {
  if (!(focused instanceof HTMLElement) || focused === document.body) return;
  if (focused.closest('[role="dialog"]') !== null) return;
  const menu = focused.closest('[role="menu"]')?.getAttribute('aria-labelledby');
  opener = (menu == null ? null : document.getElementById(menu)) ?? focused;
};

/**
 * A dialog that is there for as long as it is drawn. When it goes, the focus goes back to what has opened it: else who works by
 * keys would begin again at the top of the page.
 */
export const Dialog = ({
  opened = true,
  ...props
}: Omit<ModalProps, 'opened'> & { readonly opened?: boolean }) => {
  useState(() => remember(document.activeElement));
  useEffect(
    () => () => {
      // After the next dialog has come, where one does.
      setTimeout(() => {
        const isLost = document.activeElement === null || document.activeElement === document.body;
        if (isLost && document.querySelector('[role="dialog"]') === null) opener?.focus();
      });
    },
    [],
  );
  return <Modal {...props} opened={opened} />;
};
