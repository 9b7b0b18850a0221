import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { Dialog } from '../shared/dialog.js';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { ActorName } from '../shared/actor.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing } from '../shared/page.js';
import { NumberField } from '../shared/number-field.js';
import { ShownOnce } from '../shared/shown-once.js';
import { ActsHead, Table } from '../shared/table.js';

type Firmware = Schema<'FirmwareView'>;

const MOST = 100;

/** Which tokens open the file for many devices, as a campaign hands them out; made by hand, and revoked. */
export const DownloadTokens = ({
  firmware,
  onClose,
}: {
  readonly firmware: Firmware;
  readonly onClose: () => void;
}) => {
  const { id } = firmware;
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<{ readonly tokenId: string; readonly name: string }>();
  const tokens = useQuery({
    queryKey: ['firmwares', id, 'download-tokens'],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/firmwares/{id}/download-tokens', {
          params: { path: { id }, query: { limit: MOST } },
          signal,
        }),
      ),
  });
  if (revoking !== undefined) {
    return (
      <ActDialog
        title={`Revoke ${revoking.name}`}
        act="Revoke"
        danger
        refreshes={['firmwares', id]}
        run={() =>
          answered(
            api.DELETE('/api/v1/firmwares/{id}/download-tokens/{tokenId}', {
              params: { path: { id, tokenId: revoking.tokenId } },
            }),
          )
        }
        onClose={() => setRevoking(undefined)}
      >
        <Text>
          A device that is fetching the file with it cannot finish, and one that was handed it and has not
          begun is let in no more. This cannot be undone.
        </Text>
      </ActDialog>
    );
  }
  if (making) return <MakeToken id={id} onClose={() => setMaking(false)} />;
  return (
    <Dialog
      onClose={onClose}
      title={`Download tokens of ${firmware.firmwareType} ${firmware.version}`}
      size="lg"
    >
      <Stack gap="sm">
        <Loaded query={tokens}>
          {({ items, nextCursor }) =>
            items.length === 0 ? (
              <Nothing why="No token opens the file now." />
            ) : (
              <>
                <Table
                  head={
                    <>
                      <th>Name</th>
                      <th className="wide">By</th>
                      <th>Ends</th>
                      <ActsHead />
                    </>
                  }
                >
                  {items.map(({ id: tokenId, name, createdBy, expiresAt }) => (
                    <tr key={tokenId}>
                      <td className="anywhere">{name ?? tokenId}</td>
                      <td className="wide">
                        <ActorName actor={createdBy} />
                      </td>
                      <td>
                        <Moment at={expiresAt} />
                      </td>
                      <td className="right">
                        <ActButton
                          needs="firmware"
                          variant="default"
                          onClick={() => setRevoking({ tokenId, name: name ?? tokenId })}
                          aria-label={`Revoke … ${name ?? tokenId}`}
                        >
                          Revoke …
                        </ActButton>
                      </td>
                    </tr>
                  ))}
                </Table>
                {nextCursor !== null && (
                  <Text c="dimmed">
                    These are the newest {MOST}; GET /api/v1/firmwares/{'{id}'}/download-tokens lists all.
                  </Text>
                )}
              </>
            )
          }
        </Loaded>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <ActButton needs="firmware" onClick={() => setMaking(true)}>
            Make a token …
          </ActButton>
        </Group>
      </Stack>
    </Dialog>
  );
};

const MakeToken = ({ id, onClose }: { readonly id: string; readonly onClose: () => void }) => {
  const [name, setName] = useState('');
  const [hours, setHours] = useState<number | undefined>(24);
  return (
    <ActDialog
      title="Make a download token"
      act="Make"
      refreshes={['firmwares', id]}
      run={(key) =>
        answered(
          api.POST('/api/v1/firmwares/{id}/download-tokens', {
            params: { path: { id }, header: { 'Idempotency-Key': key } },
            body: { ttlSeconds: Math.round((hours ?? 24) * 3_600), ...(name === '' ? {} : { name }) },
          }),
        )
      }
      answer={({ token }) => (
        <ShownOnce
          title="A new download token"
          secrets={{ Token: token }}
          lost="Revoke the one that was made, and make another."
          onClose={onClose}
        />
      )}
      onClose={onClose}
    >
      {(problem) => (
        <>
          <TextInput
            data-autofocus
            label="Name"
            description="What it is for"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <NumberField
            label="Opens for so many hours"
            required
            whole={false}
            value={hours}
            min={0.1}
            onChange={setHours}
            fault={faultAt(problem, 'ttlSeconds')}
            width={260}
          />
        </>
      )}
    </ActDialog>
  );
};
