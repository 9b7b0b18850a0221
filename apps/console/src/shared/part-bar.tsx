import type { ReactNode } from 'react';
import { count } from './format.js';

export interface Part {
  readonly name: string;
  readonly value: number;
  readonly fill: 'ok' | 'bad' | 'pending' | 'off' | 'written' | 'accent';
  /** Makes its entry of the legend a link. */
  readonly link?: (text: ReactNode) => ReactNode;
}

/** How a whole is made up. What is more than nothing is seen (3 px at least), what is nothing is not drawn. */
export const PartBar = ({
  label,
  parts,
  total,
  legend = true,
  beside,
}: {
  readonly label: string;
  readonly parts: readonly Part[];
  readonly total: number;
  readonly legend?: boolean;
  readonly beside?: ReactNode;
}) => {
  const shown = parts.filter(({ value }) => value > 0);
  return (
    <div className="part-bar">
      <div
        className="bar"
        role="img"
        aria-label={`${label}: ${
          shown.map(({ name, value }) => `${count(value)} ${name}`).join(', ') || 'nothing yet'
        } of ${count(total)}`}
      >
        {shown.map(({ name, value, fill }) => (
          <span
            key={name}
            className={`fill-${fill}`}
            style={{ flexBasis: `${(value / Math.max(total, 1)) * 100}%` }}
            title={`${count(value)} ${name}`}
          />
        ))}
      </div>
      {legend && (
        // The bar says the same to who listens; a link must be reached by them too.
        <div className="legend" aria-hidden={parts.every(({ link }) => link === undefined)}>
          {parts.map(({ name, value, fill, link }) => {
            const text = (
              <>
                <b>{count(value)}</b> {name}
              </>
            );
            return (
              <span key={name}>
                <i className={`fill-${fill}`} /> {link === undefined || value === 0 ? text : link(text)}
              </span>
            );
          })}
          {beside}
        </div>
      )}
    </div>
  );
};
