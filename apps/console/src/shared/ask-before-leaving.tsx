import { Text } from '@mantine/core';
import { useBlocker } from '@tanstack/react-router';
import { useEffect } from 'react';
import { Confirm } from './confirm-count.js';

/**
 * Asks before a page is left on which something typed is not saved, by a link as well as by closing the tab. Whoever saves
 * goes on with `ignoreBlocker`.
 */
export const AskBeforeLeaving = ({
  unsaved,
  onUnsaved,
}: {
  readonly unsaved: boolean;
  /** Is told so, too. It must stay the same function. */
  readonly onUnsaved?: (unsaved: boolean) => void;
}) => {
  useEffect(() => {
    onUnsaved?.(unsaved);
    return () => onUnsaved?.(false);
  }, [unsaved, onUnsaved]);
  const leaving = useBlocker({
    // Another search is the same page.
    shouldBlockFn: ({ current, next }) => unsaved && current.pathname !== next.pathname,
    enableBeforeUnload: () => unsaved,
    withResolver: true,
  });
  if (leaving.status !== 'blocked') return null;
  return (
    <Confirm
      title="Leave without saving?"
      act="Leave"
      danger
      busy={false}
      onClose={leaving.reset}
      onConfirm={leaving.proceed}
    >
      <Text>What you have typed here is not saved, and is lost when you leave.</Text>
    </Confirm>
  );
};
