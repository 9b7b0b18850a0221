import type { Schema } from '../api/client.js';
import { count } from '../shared/format.js';
import { PartBar } from '../shared/part-bar.js';
import { stateOf } from '../shared/state-mark.js';
import { rowState, type RowOutcome } from './imports.queries.js';

/** What the rows have come to, or would. */
export const ImportBar = ({ view }: { readonly view: Schema<'ImportView'> }) => {
  const wordOf = (outcome: RowOutcome): string => stateOf(rowState(outcome, view.dryRun)).word;
  return (
    <PartBar
      label={view.dryRun ? 'What the rows would come to' : 'What the rows have come to'}
      total={view.rows}
      parts={[
        { name: wordOf('created'), value: view.created, fill: 'ok' },
        { name: wordOf('updated'), value: view.updated, fill: 'accent' },
        { name: wordOf('unchanged'), value: view.unchanged, fill: 'written' },
        { name: wordOf('failed'), value: view.failed, fill: 'bad' },
        { name: view.dryRun ? 'to look at' : 'to do', value: view.waiting, fill: 'off' },
      ]}
      beside={<span>of {count(view.rows)} rows</span>}
    />
  );
};
