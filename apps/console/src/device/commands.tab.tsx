import { Group, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { usePolling } from '../api/live.js';
import { faultAt, problemOf } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { ActorName } from '../shared/actor.js';
import { JsonInput, readJson } from '../shared/json-input.js';
import { Moment } from '../shared/moment.js';
import { More } from '../shared/more.js';
import { MOST } from '../shared/most.js';
import { NumberField } from '../shared/number-field.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';
import { StateMark } from '../shared/state-mark.js';
import { Value } from '../shared/value.js';
import { commandsQuery } from './device.queries.js';
import { ActsHead, Table } from '../shared/table.js';

export const CommandsTab = ({ id }: { readonly id: string }) => {
  const [limit, setLimit] = useState(50);
  const [cancelling, setCancelling] = useState<Schema<'CommandView'>>();
  const commands = useQuery({ ...commandsQuery(id, limit), refetchInterval: usePolling() });
  return (
    <>
      <SendCommand id={id} />
      <Section title="Commands">
        {cancelling !== undefined && (
          <ActDialog
            title={`Cancel ${cancelling.type}`}
            act="Cancel the command"
            danger
            refreshes={['device', id, 'commands']}
            run={() =>
              answered(
                api.DELETE('/api/v1/devices/{id}/commands/{commandId}', {
                  params: { path: { id, commandId: cancelling.id } },
                }),
              )
            }
            onClose={() => setCancelling(undefined)}
          >
            <Text>
              {cancelling.sentAt === undefined
                ? 'It was not given to the device yet, and is not given any more.'
                : 'It was given to the device, which may run it all the same: nobody waits for its answer any more.'}
            </Text>
          </ActDialog>
        )}
        <Loaded query={commands}>
          {({ items, nextCursor }) =>
            items.length === 0 ? (
              <Nothing why="This device was given no command yet." />
            ) : (
              <>
                <Table
                  isCards
                  label="Commands that were given"
                  head={
                    <>
                      <th>Command</th>
                      <th>State</th>
                      <th>Answer of the device</th>
                      <th className="wide">Payload</th>
                      <th>Created</th>
                      <th className="wide">By</th>
                      <ActsHead />
                    </>
                  }
                >
                  {items.map((command) => (
                    <tr key={command.id}>
                      <td className="anywhere">
                        <b>{command.type}</b>
                      </td>
                      <td>
                        <StateMark state={command.status} />
                        {command.sentAt !== undefined && command.status === 'sent' && (
                          <div className="dim">
                            <Moment at={command.sentAt} />
                          </div>
                        )}
                        {command.sentAt !== undefined && command.status === 'cancelled' && (
                          <div className="state-pending">
                            it had been given to the device, which may run it
                          </div>
                        )}
                        {command.late === true && <div className="state-pending">answered late</div>}
                        {command.status === 'expired' && command.sentAt === undefined && (
                          <div className="dim">it was not given to the device</div>
                        )}
                      </td>
                      <td className="value">
                        {command.statusCode !== undefined && `${command.statusCode} `}
                        {command.reasonPhrase !== undefined && `${command.reasonPhrase} `}
                        {command.result !== undefined && <Value name="" of={command.result} />}
                      </td>
                      <td className="value wide">
                        {command.payload !== undefined && <Value name="" of={command.payload} />}
                      </td>
                      <td>
                        <Moment at={command.createdAt} />
                      </td>
                      <td className="wide">
                        <ActorName actor={command.createdBy} />
                      </td>
                      <td className="right">
                        {(command.status === 'pending' || command.status === 'sent') && (
                          <ActButton
                            needs="command"
                            variant="default"
                            onClick={() => setCancelling(command)}
                            aria-label={`Cancel ${command.id} …`}
                          >
                            Cancel …
                          </ActButton>
                        )}
                      </td>
                    </tr>
                  ))}
                </Table>
                <More
                  isMore={nextCursor !== null}
                  shown={limit}
                  call={`GET /api/v1/devices/${id}/commands`}
                  onMore={() => setLimit(MOST)}
                />
              </>
            )
          }
        </Loaded>
      </Section>
    </>
  );
};

const SendCommand = ({ id }: { readonly id: string }) => {
  const queries = useQueryClient();
  const [type, setType] = useState('');
  const [payload, setPayload] = useState('');
  const [ttl, setTtl] = useState<number | undefined>(60);
  const read = payload.trim() === '' ? undefined : readJson(payload);
  // What is corrected is another command.
  const once = useIdempotencyKey(JSON.stringify([type, payload, ttl]));
  const send = useMutation({
    mutationFn: () =>
      once((key) =>
        answered(
          api.POST('/api/v1/devices/{id}/commands', {
            params: { path: { id }, header: { 'Idempotency-Key': key } },
            body: {
              type,
              ...(ttl === undefined ? {} : { ttlSeconds: ttl }),
              ...(read !== undefined && 'value' in read ? { payload: read.value } : {}),
            },
          }),
        ),
      ),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['device', id, 'commands'] }),
  });
  const problem = send.isError ? problemOf(send.error) : undefined;
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault();
        if (read === undefined || 'value' in read) send.mutate();
      }}
    >
      <Group align="start" gap="sm">
        <TextInput
          required
          label="Command"
          value={type}
          onChange={(event) => setType(event.currentTarget.value)}
          error={faultAt(problem, 'type')}
        />
        <div className="grow" style={{ minWidth: 200 }}>
          <JsonInput label="Payload (JSON, may be left out)" text={payload} onChange={setPayload} />
        </div>
        <NumberField label="Time for it (s)" required value={ttl} onChange={setTtl} min={1} width={110} />
        <ActButton needs="command" type="submit" mt={20} loading={send.isPending}>
          Send
        </ActButton>
      </Group>
      <ProblemView error={send.error} ofAct />
      <Text c="dimmed">A command that the device has been given cannot be called back.</Text>
    </form>
  );
};
