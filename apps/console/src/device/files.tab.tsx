import { Anchor } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { bytes } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing } from '../shared/page.js';
import { filesQuery } from './device.queries.js';

/** What the device uploaded. A file is saved and never shown here: it may be anything. */
export const FilesTab = ({ id }: { readonly id: string }) => (
  <Loaded query={useQuery(filesQuery(id))}>
    {({ items }) =>
      items.length === 0 ? (
        <Nothing why="This device has uploaded nothing." />
      ) : (
        <div className="table-scroll">
          <table className="table">
            <thead>
              <tr>
                <th>Name</th>
                <th className="right">Size</th>
                <th>Stored</th>
                <th className="wide">SHA-256</th>
              </tr>
            </thead>
            <tbody>
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
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )
    }
  </Loaded>
);
