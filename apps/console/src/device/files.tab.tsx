import { Anchor, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { ActButton } from '../shared/act-button.js';
import { Confirm } from '../shared/confirm-count.js';
import { bytes } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { More } from '../shared/more.js';
import { MOST } from '../shared/most.js';
import { Loaded, Nothing } from '../shared/page.js';
import { filesQuery } from './device.queries.js';
import { ActsHead, Table } from '../shared/table.js';

/** What the device uploaded. A file is saved and never shown here: it may be anything. */
export const FilesTab = ({ id }: { readonly id: string }) => {
  const queries = useQueryClient();
  const files = useQuery(filesQuery(id));
  const [deleting, setDeleting] = useState<{ readonly fileId: string; readonly name: string }>();
  const remove = useMutation({
    mutationFn: (fileId: string) =>
      answered(api.DELETE('/api/v1/devices/{id}/files/{fileId}', { params: { path: { id, fileId } } })),
    onSuccess: () => setDeleting(undefined),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['device', id, 'files'] }),
  });
  return (
    <>
      <Loaded query={files}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Nothing why="This device has uploaded nothing." />
          ) : (
            <>
              <Table
                head={
                  <>
                    <th>Name</th>
                    <th className="right">Size</th>
                    <th>Stored</th>
                    <th className="wide">SHA-256</th>
                    <ActsHead />
                  </>
                }
              >
                {items.map(({ id: fileId, name, size, storedAt, sha256 }) => (
                  <tr key={fileId}>
                    <td className="anywhere">
                      <Anchor
                        href={`/api/v1/devices/${encodeURIComponent(id)}/files/${encodeURIComponent(fileId)}`}
                        download={name}
                      >
                        {name}
                      </Anchor>
                    </td>
                    <td className="right">{bytes(size)}</td>
                    <td>
                      <Moment at={storedAt} />
                    </td>
                    <td className="value wide">{sha256.slice(0, 16)}…</td>
                    <td className="right">
                      <ActButton
                        needs="file"
                        variant="default"
                        onClick={() => setDeleting({ fileId, name })}
                        aria-label={`Delete … ${name}`}
                      >
                        Delete …
                      </ActButton>
                    </td>
                  </tr>
                ))}
              </Table>
              <More isMore={nextCursor !== null} shown={MOST} call={`GET /api/v1/devices/${id}/files`} />
            </>
          )
        }
      </Loaded>
      {deleting !== undefined && (
        <Confirm
          title={`Delete ${deleting.name}`}
          act="Delete"
          danger
          busy={remove.isPending}
          error={remove.error}
          onClose={() => {
            remove.reset();
            setDeleting(undefined);
          }}
          onConfirm={() => remove.mutate(deleting.fileId)}
        >
          <Text>The file is gone afterwards. This cannot be undone.</Text>
        </Confirm>
      )}
    </>
  );
};
