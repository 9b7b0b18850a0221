import { Button, Group, Text } from '@mantine/core';
import { useState } from 'react';
import { ActButton } from '../shared/act-button.js';
import { count } from '../shared/format.js';
import type { Entity } from '../shell/entities.js';
import { BulkAct, type Act } from './bulk-act.js';
import { sizeOf, targetOf, type Selection } from './selection.js';

const ACTS: readonly { readonly act: Act; readonly name: string; readonly needs: Entity }[] = [
  { act: 'configure', name: 'Set values', needs: 'configuration' },
  { act: 'command', name: 'Send a command', needs: 'command' },
  { act: 'tags', name: 'Tags', needs: 'device' },
  { act: 'folder', name: 'Move', needs: 'device' },
  { act: 'metadata', name: 'Metadata', needs: 'device' },
  { act: 'delete', name: 'Delete', needs: 'device' },
];

/** What can be done with the devices that are selected. */
export const BulkBar = ({
  selection,
  filter,
  total,
  onSelectAll,
  onDone,
}: {
  readonly selection: Selection;
  readonly filter: string;
  readonly total: number;
  readonly onSelectAll: () => void;
  readonly onDone: () => void;
}) => {
  const [act, setAct] = useState<Act>();
  const size = sizeOf(selection, total);
  const all = selection.kind === 'all';
  return (
    <div className="bulk-bar" role="region" aria-label="Selected devices">
      <Group gap="xs">
        <Text fw={600}>
          {all
            ? `All ${count(size)} ${filter === '' ? 'devices' : 'matching'}${
                selection.except.size > 0 ? ` but ${selection.except.size}` : ''
              }`
            : `${count(size)} selected`}
        </Text>
        {!all && size < total && (
          <Button variant="subtle" onClick={onSelectAll}>
            Select all {count(total)} {filter === '' ? '' : 'matching'}
          </Button>
        )}
      </Group>
      <Group gap={6}>
        {ACTS.map(({ act: one, name, needs }) => (
          <ActButton key={one} needs={needs} variant="default" onClick={() => setAct(one)}>
            {name}
          </ActButton>
        ))}
        <Button variant="subtle" onClick={onDone}>
          Select nothing
        </Button>
      </Group>
      {act !== undefined && (
        <BulkAct
          act={act}
          target={targetOf(selection, filter)}
          onClose={(done) => {
            setAct(undefined);
            if (done) onDone();
          }}
        />
      )}
    </div>
  );
};
