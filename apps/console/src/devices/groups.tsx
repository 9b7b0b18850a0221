import { Button, Menu, TextInput } from '@mantine/core';
import { BookmarkIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { ActItem } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { groupsQuery } from './devices.queries.js';

/** Saved filters: take one, or save the one that is applied. */
export const Groups = ({
  filter,
  onApply,
}: {
  readonly filter: string;
  readonly onApply: (filter: string) => void;
}) => {
  const groups = useQuery(groupsQuery).data?.items ?? [];
  const navigate = useNavigate();
  const [saving, setSaving] = useState(false);
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" leftSection={<BookmarkIcon size={14} />}>
            Groups
          </Button>
        </Menu.Target>
        <Menu.Dropdown mah="60vh" style={{ overflowY: 'auto' }}>
          {groups.map(({ id, name, filter: saved }) => (
            <Menu.Item key={id} data-narrows onClick={() => onApply(`group==${name}`)} title={saved}>
              {name}
            </Menu.Item>
          ))}
          {groups.length === 0 && <Menu.Label>No filter is saved yet</Menu.Label>}
          <Menu.Divider />
          <ActItem
            needs="group"
            disabled={filter === '' || /\bgroup\b/.test(filter)}
            onClick={() => setSaving(true)}
            title={filter === '' ? 'Filter first' : undefined}
          >
            Save this filter as a group …
          </ActItem>
          <Menu.Item onClick={() => void navigate({ to: '/groups' })}>All groups: change, delete</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {saving && <SaveGroup filter={filter} onClose={() => setSaving(false)} />}
    </>
  );
};

const SaveGroup = ({ filter, onClose }: { readonly filter: string; readonly onClose: () => void }) => {
  const [name, setName] = useState('');
  return (
    <ActDialog
      title="Save the filter as a group"
      act="Save"
      refreshes={['groups']}
      run={(key) =>
        answered(
          api.POST('/api/v1/groups', {
            body: { name, filter },
            params: { header: { 'Idempotency-Key': key } },
          }),
        )
      }
      onClose={onClose}
    >
      {(problem) => (
        <>
          <code className="anywhere">{filter}</code>
          <TextInput
            data-autofocus
            required
            label="Name"
            description="Letters, digits, _ and -"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
        </>
      )}
    </ActDialog>
  );
};
