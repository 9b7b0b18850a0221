import { Group, Text, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { valueText } from '../devices/filter-text.js';
import { groupsPageQuery } from '../devices/devices.queries.js';
import { FilterBox } from '../devices/filter-box.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Listed } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Nothing, PageHeader } from '../shared/page.js';
import { ActsHead } from '../shared/table.js';

type Saved = Schema<'GroupView'>;

/** The saved filters. They are saved on the page of the devices, where what they mean is seen. */
export const GroupsPage = () => {
  const { cursor } = useSearch({ from: '/groups' });
  const navigate = useNavigate();
  const groups = useQuery(groupsPageQuery(cursor));
  const [editing, setEditing] = useState<Saved>();
  const [deleting, setDeleting] = useState<Saved>();
  return (
    <div className="page">
      <PageHeader
        title="Groups"
        above={
          <AnchorLink to="/devices" c="dimmed">
            Devices
          </AnchorLink>
        }
      />
      <Listed
        query={groups}
        cursor={cursor}
        onPage={(search) => void navigate({ to: '/groups', search })}
        nothing={
          <Nothing why="No filter is saved yet.">
            <AnchorLink to="/devices">Filter the devices, and save the filter under “Groups”</AnchorLink>
          </Nothing>
        }
        head={
          <>
            <th>Name</th>
            <th>Filter</th>
            <th className="wide">Created</th>
            <ActsHead />
          </>
        }
      >
        {(group) => (
          <>
            <td className="anywhere">
              <AnchorLink
                to="/devices"
                search={{ filter: `group==${valueText(group.name)}` }}
                title="The devices that it means now"
              >
                {group.name}
              </AnchorLink>
              {group.description !== undefined && <div className="dim">{group.description}</div>}
            </td>
            <td className="value">{group.filter}</td>
            <td className="wide">
              <Moment at={group.createdAt} />
            </td>
            <td className="right">
              <Group gap={4} justify="flex-end" wrap="nowrap">
                <ActButton
                  needs="group"
                  variant="default"
                  onClick={() => setEditing(group)}
                  aria-label={`Edit … ${group.name}`}
                >
                  Edit …
                </ActButton>
                <ActButton
                  needs="group"
                  variant="default"
                  onClick={() => setDeleting(group)}
                  aria-label={`Delete … ${group.name}`}
                >
                  Delete …
                </ActButton>
              </Group>
            </td>
          </>
        )}
      </Listed>
      {editing !== undefined && <EditGroup group={editing} onClose={() => setEditing(undefined)} />}
      {deleting !== undefined && <DeleteGroup group={deleting} onClose={() => setDeleting(undefined)} />}
    </div>
  );
};

const EditGroup = ({ group, onClose }: { readonly group: Saved; readonly onClose: () => void }) => {
  const [name, setName] = useState(group.name);
  const [description, setDescription] = useState(group.description ?? '');
  const [filter, setFilter] = useState(group.filter);
  const [unfinished, setUnfinished] = useState(false);
  return (
    <ActDialog
      title={`Edit ${group.name}`}
      act="Save"
      refreshes={['groups']}
      isReady={!unfinished}
      run={() =>
        answered(
          api.PATCH('/api/v1/groups/{id}', {
            params: { path: { id: group.id }, header: { 'If-Match': `"${group.version}"` } },
            body: {
              ...(name === group.name ? {} : { name }),
              ...(description === (group.description ?? '')
                ? {}
                : { description: description === '' ? null : description }),
              ...(filter === group.filter ? {} : { filter }),
            },
          }),
        )
      }
      onClose={onClose}
    >
      {(problem) => (
        <>
          <TextInput
            required
            label="Name"
            description="Filters that name the group by its old name are refused afterwards"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <Textarea
            label="Description"
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
            error={faultAt(problem, 'description')}
            autosize
            minRows={1}
          />
          <Text size="xs" fw={500} mb={-8} aria-hidden="true">
            Filter
          </Text>
          <FilterBox
            id="group-filter"
            label="Filter of the group"
            applied={filter}
            onApply={setFilter}
            onUnfinished={setUnfinished}
            fault={faultAt(problem, 'filter')}
          />
          {unfinished && (
            <Text className="state-pending">The filter is not applied yet: press Enter in it.</Text>
          )}
        </>
      )}
    </ActDialog>
  );
};

const DeleteGroup = ({
  group: { id, name, version },
  onClose,
}: {
  readonly group: Saved;
  readonly onClose: () => void;
}) => (
  <ActDialog
    title={`Delete ${name}`}
    act="Delete"
    danger
    refreshes={['groups']}
    run={() =>
      answered(
        api.DELETE('/api/v1/groups/{id}', {
          params: { path: { id }, header: { 'If-Match': `"${version}"` } },
        }),
      )
    }
    onClose={onClose}
  >
    <Text>The devices stay. Filters that name the group are refused afterwards.</Text>
  </ActDialog>
);
