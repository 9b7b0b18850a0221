import type { Schema } from '../api/client.js';
import { count } from '../shared/format.js';
import { PartBar } from '../shared/part-bar.js';

/** What the rows have come to, or would. */
export const ImportBar = ({ view }: { readonly view: Schema<'ImportView'> }) => (
  <PartBar
    label={view.dryRun ? 'What the rows would come to' : 'What the rows have come to'}
    total={view.rows}
    parts={[
      { name: 'created', value: view.created, fill: 'ok' },
      { name: 'changed', value: view.updated, fill: 'accent' },
      { name: 'unchanged', value: view.unchanged, fill: 'written' },
      { name: 'failed', value: view.failed, fill: 'bad' },
      { name: 'to do', value: view.waiting, fill: 'off' },
    ]}
    beside={<span>of {count(view.rows)} rows</span>}
  />
);
