import type { CSSProperties, ReactNode } from 'react';

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
  /** Its last columns matter as much as the first: on a narrow screen each row is a card, its cells by their `data-label`. */
  readonly isCards?: boolean;
  /** The cells of its head; undefined: it has none. */
  readonly head?: ReactNode;
  /** Its rows. */
  readonly children: ReactNode;
}) => (
  <div
    className="table-scroll"
    style={style}
    {...(label === undefined ? {} : { tabIndex: 0, role: 'region', 'aria-label': label })}
  >
    <table className={isCards ? 'table cards' : 'table'}>
      {head !== undefined && (
        <thead>
          <tr>{head}</tr>
        </thead>
      )}
      <tbody>{children}</tbody>
    </table>
  </div>
);

/** Over the buttons at the end of a row. */
export const ActsHead = () => (
  <th>
    <span className="visually-hidden">Acts</span>
  </th>
);
