import { useEffect } from 'react';

/** The id of the box that `/` goes to. */
export const FILTER_BOX = 'filter-box';

/** Every key of the console. The help lists this table, and the keys are bound from it. */
export const KEYS = [
  { keys: 'Ctrl K', does: 'Find a page, a device or a campaign' },
  { keys: '/', does: 'Go to the filter' },
  { keys: '?', does: 'Show this list' },
  { keys: 'g h', does: 'Go to the start page' },
  { keys: 'g d', does: 'Go to devices' },
  { keys: 'g c', does: 'Go to campaigns' },
  { keys: 'g j', does: 'Go to jobs' },
  { keys: 'g t', does: 'Go to device types' },
  { keys: 'g i', does: 'Go to imports' },
  { keys: 'g p', does: 'Go to parked messages' },
  { keys: 'g a', does: 'Go to access' },
  { keys: 'g s', does: 'Go to settings' },
  { keys: 'j, k or arrows', does: 'In a list: next row, row before' },
  { keys: 'Enter', does: 'In a list: open the row' },
  { keys: 'x', does: 'In a list: select the row' },
] as const;

const PAGES = {
  h: '/',
  d: '/devices',
  c: '/campaigns',
  j: '/jobs',
  t: '/types',
  i: '/imports',
  p: '/parked',
  a: '/access',
  s: '/settings',
} as const;
/** A page that a key leads to. */
export type KeyPage = (typeof PAGES)[keyof typeof PAGES];

export interface KeyActs {
  readonly palette: () => void;
  readonly help: () => void;
  readonly go: (page: KeyPage) => void;
}

const SINGLE_KEYS = 'muster-single-keys';

/** Single keys disturb who speaks to the computer (WCAG 2.1.4), so they can be switched off; kept in this browser. */
export const singleKeysOn = (): boolean => localStorage.getItem(SINGLE_KEYS) !== 'off';
export const switchSingleKeys = (on: boolean): void => localStorage.setItem(SINGLE_KEYS, on ? 'on' : 'off');

/** None while something is typed or a dialog is open. */
export const useKeys = (acts: KeyActs): void => {
  useEffect(() => {
    let afterG = 0;
    const onKeyDown = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        // Over a dialog it would lead away from what is typed there.
        if (!isInDialog()) acts.palette();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || !singleKeysOn() || isElsewhere(event)) return;
      const page = Date.now() - afterG < 1_000 ? PAGES[event.key as keyof typeof PAGES] : undefined;
      afterG = event.key === 'g' ? Date.now() : 0;
      if (page !== undefined) {
        event.preventDefault();
        event.stopImmediatePropagation();
        acts.go(page);
        return;
      }
      if (event.key === '?') {
        acts.help();
        return;
      }
      const box = event.key === '/' ? document.getElementById(FILTER_BOX) : null;
      if (box !== null) {
        event.preventDefault();
        box.focus();
      }
    };
    // Before the list that has the focus sees the j of "g j".
    addEventListener('keydown', onKeyDown, { capture: true });
    return () => removeEventListener('keydown', onKeyDown, { capture: true });
  }, [acts]);
};

const isElsewhere = (event: KeyboardEvent): boolean =>
  (event.target instanceof HTMLElement &&
    (event.target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName))) ||
  isInDialog();

const isInDialog = (): boolean => document.querySelector('[role="dialog"]') !== null;
