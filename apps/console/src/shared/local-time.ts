/** What an input of a day and a time holds, in the browser's zone, to the second. Empty: nothing. */
export const toLocal = (iso: string | undefined): string => {
  if (iso === undefined) return '';
  const at = new Date(iso);
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString();
  return local.slice(0, 19);
};

/**
 * Undefined: nothing is written, or no time. `was` is the time that the input began with: where nobody touched the text it is
 * that time, with what the input does not show of its second.
 */
export const fromLocal = (text: string, was?: string): string | undefined => {
  if (was !== undefined && text === toLocal(was)) return was;
  const at = new Date(text);
  return text === '' || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
};

/** The browser's zone, by its name. */
export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
