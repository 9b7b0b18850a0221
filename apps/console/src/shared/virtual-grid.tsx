import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';

const ROW_PX = 34;

export interface GridColumn {
  readonly key: string;
  readonly title: ReactNode;
  readonly width: string;
  readonly narrowWidth?: string;
  readonly wide?: boolean;
  /** Undefined: nothing can be sorted by it. */
  readonly sorted?: 'ascending' | 'descending' | 'none';
}

/**
 * Rows of which only those that are seen are on the page. One stop for Tab, but for what is in its head: inside, arrows or j and k go from row to row,
 * Enter opens, x selects. `rowAt` answers undefined where a row is not loaded (any more).
 */
export const VirtualGrid = <Row,>({
  label,
  columns,
  known,
  total,
  rowAt,
  idOf,
  cells,
  onOpen,
  onToggle,
  selected,
  onSeen,
  onPointed,
}: {
  readonly label: string;
  readonly columns: readonly GridColumn[];
  /** How many rows can be scrolled to. */
  readonly known: number;
  /** Of all, as far as it is known. */
  readonly total: number | undefined;
  readonly rowAt: (index: number) => Row | undefined;
  readonly idOf: (row: Row) => string;
  readonly cells: (row: Row) => readonly ReactNode[];
  readonly onOpen: (row: Row) => void;
  readonly onToggle?: (row: Row) => void;
  readonly selected?: (row: Row) => boolean;
  /** The first and the last row that are on the page. */
  readonly onSeen: (first: number, last: number) => void;
  /** The mouse is over its rows, or has left them. */
  readonly onPointed?: (isPointed: boolean) => void;
}) => {
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const rows = useVirtualizer({
    count: known,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const items = rows.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    onSeen(first, last);
    // Whoever is told looks at what it has by itself.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [first, last, known]);

  const go = (index: number) => {
    const next = Math.max(0, Math.min(known - 1, index));
    setActive(next);
    rows.scrollToIndex(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // What is in its head has keys of its own.
    const isOfHead = event.target instanceof Element && event.target.closest('.grid-head') !== null;
    if (event.ctrlKey || event.metaKey || event.altKey || isOfHead) return;
    const row = rowAt(active);
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_PX) - 2);
    const act = {
      ArrowDown: () => go(active + 1),
      j: () => go(active + 1),
      ArrowUp: () => go(active - 1),
      k: () => go(active - 1),
      PageDown: () => go(active + page),
      PageUp: () => go(active - page),
      Home: () => go(0),
      End: () => go(known - 1),
      Enter: () => row !== undefined && onOpen(row),
      x: () => row !== undefined && onToggle?.(row),
    }[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };

  const tracks = {
    '--tracks': columns.map(({ width }) => width).join(' '),
    '--narrow-tracks': columns
      .filter(({ wide }) => wide !== true)
      .map(({ width, narrowWidth }) => narrowWidth ?? width)
      .join(' '),
  } as React.CSSProperties;
  return (
    <div className="grid" style={tracks}>
      <div
        ref={scroller}
        className="grid-scroller"
        role="grid"
        aria-label={label}
        aria-rowcount={(total ?? known) + 1}
        aria-colcount={columns.length}
        aria-busy={known === 0}
        {...(selected === undefined ? {} : { 'aria-multiselectable': true })}
        tabIndex={0}
        {...(rowAt(active) === undefined || active < first || active > last
          ? {}
          : { 'aria-activedescendant': `${label}-row-${active}`.replaceAll(' ', '-') })}
        onKeyDown={onKeyDown}
        onPointerEnter={({ pointerType }) => pointerType === 'mouse' && onPointed?.(true)}
        onPointerLeave={() => onPointed?.(false)}
      >
        <div role="row" aria-rowindex={1} className="grid-row grid-head">
          {columns.map((column) => (
            <div
              key={column.key}
              role="columnheader"
              className={column.wide === true ? 'cell wide' : 'cell'}
              {...(column.sorted === undefined ? {} : { 'aria-sort': column.sorted })}
            >
              {column.title}
            </div>
          ))}
        </div>
        <div role="rowgroup" style={{ height: rows.getTotalSize(), position: 'relative' }}>
          {items.map(({ index, start }) => {
            const row = rowAt(index);
            return (
              <div
                key={index}
                role="row"
                id={`${label}-row-${index}`.replaceAll(' ', '-')}
                aria-rowindex={index + 2}
                className={index === active ? 'grid-row grid-body active' : 'grid-row grid-body'}
                style={{ transform: `translateY(${start}px)` }}
                {...(row === undefined || selected === undefined ? {} : { 'aria-selected': selected(row) })}
                onClick={() => setActive(index)}
                onDoubleClick={() => row !== undefined && onOpen(row)}
              >
                {row === undefined ? (
                  <div role="gridcell" className="cell dim">
                    …
                  </div>
                ) : (
                  cells(row).map((cell, at) => (
                    <div
                      key={`${idOf(row)} ${columns[at]?.key ?? at}`}
                      role="gridcell"
                      className={columns[at]?.wide === true ? 'cell wide' : 'cell'}
                    >
                      {cell}
                    </div>
                  ))
                )}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
};
