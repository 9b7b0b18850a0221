/**
 * What a spreadsheet would take for a formula: `=HYPERLINK(…)` in the name of a device must not run on the machine of the operator
 * who opens the file. `'` in front makes it a text. Undone by `unguarded`, for whatever text.
 */
export const guarded = (text: string): string => (/^'*[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text);

export const unguarded = (cell: string): string =>
  /^'+[=+\-@\t\r\n＝＋－＠]/.test(cell) ? cell.slice(1) : cell;
