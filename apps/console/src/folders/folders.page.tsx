import { Group, Text, TextInput } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { valueText } from '../devices/filter-text.js';
import { JobProgress } from '../jobs/job-progress.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Confirm } from '../shared/confirm-count.js';
import { count } from '../shared/format.js';
import { Listed } from '../shared/listed.js';
import { Nothing, PageHeader } from '../shared/page.js';
import { ActsHead } from '../shared/table.js';

type Folder = Schema<'FolderView'>;

const foldersQuery = (cursor: string | undefined) =>
  queryOptions({
    queryKey: ['folders', cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/folders', {
          params: { query: { limit: 200, count: true, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

/** All folders by their path. What is moved takes its devices along, by a job. */
export const FoldersPage = () => {
  const { cursor } = useSearch({ from: '/folders' });
  const navigate = useNavigate();
  const folders = useQuery(foldersQuery(cursor));
  const [making, setMaking] = useState(false);
  const [moving, setMoving] = useState<Folder>();
  const [deleting, setDeleting] = useState<Folder>();
  return (
    <div className="page">
      <PageHeader
        title="Folders"
        above={
          <AnchorLink to="/devices" c="dimmed">
            Devices
          </AnchorLink>
        }
        beside={
          folders.data?.total === undefined ? undefined : (
            <Text c="dimmed">{count(folders.data.total)} in all</Text>
          )
        }
        actions={
          <ActButton needs="device" leftSection={<PlusIcon size={14} />} onClick={() => setMaking(true)}>
            Make a folder
          </ActButton>
        }
      />
      <Listed
        query={folders}
        cursor={cursor}
        onPage={(search) => void navigate({ to: '/folders', search })}
        nothing={
          <Nothing why="There is no folder: every device is in /.">
            <ActButton needs="device" onClick={() => setMaking(true)}>
              Make the first one
            </ActButton>
          </Nothing>
        }
        head={
          <>
            <th>Folder</th>
            <th className="right wide">Folders in it</th>
            <ActsHead />
          </>
        }
      >
        {(folder) => (
          <>
            <td className="anywhere">
              <AnchorLink
                to="/devices"
                search={{ filter: `folder==${valueText(folder.path)}` }}
                title="The devices in it"
              >
                {folder.path}
              </AnchorLink>
            </td>
            <td className="right wide">{count(folder.folders)}</td>
            <td className="right">
              <Group gap={4} justify="flex-end" wrap="nowrap">
                <ActButton
                  needs="device"
                  variant="default"
                  onClick={() => setMoving(folder)}
                  aria-label={`Rename or move … ${folder.path}`}
                >
                  Move …
                </ActButton>
                <ActButton
                  needs="device"
                  variant="default"
                  onClick={() => setDeleting(folder)}
                  aria-label={`Delete … ${folder.path}`}
                >
                  Delete …
                </ActButton>
              </Group>
            </td>
          </>
        )}
      </Listed>
      {making && <MakeFolder onClose={() => setMaking(false)} />}
      {moving !== undefined && <MoveFolder folder={moving} onClose={() => setMoving(undefined)} />}
      {deleting !== undefined && <DeleteFolder folder={deleting} onClose={() => setDeleting(undefined)} />}
    </div>
  );
};

const MakeFolder = ({ onClose }: { readonly onClose: () => void }) => {
  const [path, setPath] = useState('/');
  return (
    <ActDialog
      title="Make a folder"
      act="Make"
      refreshes={['folders']}
      run={(key) =>
        answered(
          api.POST('/api/v1/folders', { params: { header: { 'Idempotency-Key': key } }, body: { path } }),
        )
      }
      onClose={onClose}
    >
      {(problem) => (
        <TextInput
          data-autofocus
          required
          label="Path"
          description="As /paris/building-2; folders above it that are not there are made as well"
          value={path}
          onChange={(event) => setPath(event.currentTarget.value)}
          error={faultAt(problem, 'path')}
        />
      )}
    </ActDialog>
  );
};

const MoveFolder = ({ folder, onClose }: { readonly folder: Folder; readonly onClose: () => void }) => {
  const { id, path, version } = folder;
  const parentBefore = path.slice(0, path.length - folder.name.length - 1) || '/';
  const [name, setName] = useState(folder.name);
  const [parent, setParent] = useState(parentBefore);
  return (
    <ActDialog
      title={`Rename or move ${path}`}
      act="Save"
      refreshes={['folders']}
      run={() =>
        answered(
          api.PATCH('/api/v1/folders/{id}', {
            params: { path: { id }, header: { 'If-Match': `"${version}"` } },
            body: {
              ...(name === folder.name ? {} : { name }),
              ...(parent === parentBefore ? {} : { parent }),
            },
          }),
        )
      }
      answer={({ jobId }) =>
        jobId === undefined ? undefined : (
          <Confirm title="The devices follow" act="Close" busy={false} onClose={onClose} onConfirm={onClose}>
            <JobProgress id={jobId} label="The devices follow" />
            <Text c="dimmed">It goes on when this is closed, and is in the list of jobs.</Text>
          </Confirm>
        )
      }
      onClose={onClose}
    >
      {(problem) => (
        <>
          <TextInput
            required
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <TextInput
            required
            label="In the folder"
            description="Its path; / for none"
            value={parent}
            onChange={(event) => setParent(event.currentTarget.value)}
            error={faultAt(problem, 'parent')}
          />
          <Text c="dimmed">
            All folders and devices in it go along; filters and groups that name its path do not.
          </Text>
        </>
      )}
    </ActDialog>
  );
};

const DeleteFolder = ({
  folder: { id, path, version },
  onClose,
}: {
  readonly folder: Folder;
  readonly onClose: () => void;
}) => (
  <ActDialog
    title={`Delete ${path}`}
    act="Delete"
    danger
    refreshes={['folders']}
    run={() =>
      answered(
        api.DELETE('/api/v1/folders/{id}', {
          params: { path: { id }, header: { 'If-Match': `"${version}"` } },
        }),
      )
    }
    onClose={onClose}
  >
    <Text>Only a folder that is empty is deleted.</Text>
  </ActDialog>
);
