import { Button, Group, Text, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt, problemOf } from '../api/problem.js';
import { valueText } from '../devices/filter-text.js';
import { groupsPageQuery } from '../devices/devices.queries.js';
import { FilterBox } from '../devices/filter-box.js';
import { ActButton } from '../shared/act-button.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Confirm } from '../shared/confirm-count.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader } from '../shared/page.js';

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
      <Loaded query={groups}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Nothing why="No filter is saved yet.">
              <AnchorLink to="/devices">Filter the devices, and save the filter under “Groups”</AnchorLink>
            </Nothing>
          ) : (
            <>
              <div className="table-scroll">
                <table className="table">
                  <thead>
                    <tr>
                      <th>Name</th>
                      <th>Filter</th>
                      <th className="wide">Created</th>
                      <th>
                        <span className="visually-hidden">Acts</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {items.map((group) => (
                      <tr key={group.id}>
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
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              {nextCursor !== null && (
                <Button
                  mt="sm"
                  variant="default"
                  onClick={() => void navigate({ to: '/groups', search: { cursor: nextCursor } })}
                >
                  More
                </Button>
              )}
            </>
          )
        }
      </Loaded>
      {editing !== undefined && <EditGroup group={editing} onClose={() => setEditing(undefined)} />}
      {deleting !== undefined && <DeleteGroup group={deleting} onClose={() => setDeleting(undefined)} />}
    </div>
  );
};

const useRefresh = () => {
  const queries = useQueryClient();
  return () => void queries.invalidateQueries({ queryKey: ['groups'] });
};

const EditGroup = ({ group, onClose }: { readonly group: Saved; readonly onClose: () => void }) => {
  const [name, setName] = useState(group.name);
  const [description, setDescription] = useState(group.description ?? '');
  const [filter, setFilter] = useState(group.filter);
  const [unfinished, setUnfinished] = useState(false);
  const edit = useMutation({
    mutationFn: () =>
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
      ),
    onSuccess: onClose,
    onSettled: useRefresh(),
  });
  const problem = edit.isError ? problemOf(edit.error) : undefined;
  return (
    <Confirm
      title={`Edit ${group.name}`}
      act="Save"
      busy={edit.isPending}
      error={edit.error}
      onClose={onClose}
      onConfirm={() => !unfinished && edit.mutate()}
    >
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
      {unfinished && <Text className="state-pending">The filter is not applied yet: press Enter in it.</Text>}
    </Confirm>
  );
};

const DeleteGroup = ({ group, onClose }: { readonly group: Saved; readonly onClose: () => void }) => {
  const remove = useMutation({
    mutationFn: () =>
      answered(
        api.DELETE('/api/v1/groups/{id}', {
          params: { path: { id: group.id }, header: { 'If-Match': `"${group.version}"` } },
        }),
      ),
    onSuccess: onClose,
    onSettled: useRefresh(),
  });
  return (
    <Confirm
      title={`Delete ${group.name}`}
      act="Delete"
      danger
      busy={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate()}
    >
      <Text>The devices stay. Filters that name the group are refused afterwards.</Text>
    </Confirm>
  );
};
