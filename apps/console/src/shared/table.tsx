import { useLayoutEffect, useRef, type CSSProperties, type ReactNode } from 'react';

/** A table that scrolls by itself where the page is too narrow for it. */
export const Table = ({
  label,
  style,
  isCards = false,
  head,
  children,
}: {
  /** What it is called where keys must be able to scroll it: nothing in it can be gone to. */
  readonly label?: string;
  readonly style?: CSSProperties;
  /** Its last columns matter as much as the first: on a narrow screen each row is a card, its cells by the words of the head. */
  readonly isCards?: boolean;
  /** The cells of its head; undefined: it has none. */
  readonly head?: ReactNode;
  /** Its rows. */
  readonly children: ReactNode;
}) => {
  const table = useRef<HTMLTableElement>(null);
  useLayoutEffect(() => {
    if (isCards && table.current !== null) labelCells(table.current);
  });
  return (
    <div
      className="table-scroll"
      style={style}
      {...(label === undefined ? {} : { tabIndex: 0, role: 'region', 'aria-label': label })}
    >
      <table ref={table} className={isCards ? 'table cards' : 'table'}>
        {head !== undefined && (
          <thead>
            <tr>{head}</tr>
          </thead>
        )}
        <tbody>{children}</tbody>
      </table>
    </div>
  );
};

/** Of each cell but the first, which is what the row is about. Where a cell says its own label, that stays. */
const labelCells = (table: HTMLTableElement): void => {
  const heads = Array.from(table.tHead?.rows[0]?.cells ?? [], (head) =>
    head.querySelector('.visually-hidden') === null ? head.textContent : '',
  );
  for (const { cells } of table.tBodies[0]?.rows ?? [])
    for (const [index, cell] of Array.from(cells).entries()) {
      const label = index === 0 ? '' : (heads[index] ?? '');
      if (cell.dataset['label'] !== undefined && cell.dataset['ofHead'] === undefined) continue;
      cell.dataset['ofHead'] = '';
      if (cell.dataset['label'] !== label) cell.dataset['label'] = label;
    }
};

/** Over the buttons at the end of a row. */
export const ActsHead = () => (
  <th>
    <span className="visually-hidden">Acts</span>
  </th>
);
