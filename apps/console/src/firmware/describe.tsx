import { TagsInput, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { faultAt, problemOf } from '../api/problem.js';
import { Confirm } from '../shared/confirm-count.js';

/** What can be said of a firmware afterwards: what it is, and from which versions one comes to it. */
export const Describe = ({
  firmware,
  onClose,
}: {
  readonly firmware: Schema<'FirmwareView'>;
  readonly onClose: () => void;
}) => {
  const queries = useQueryClient();
  const [description, setDescription] = useState(firmware.description ?? '');
  const [from, setFrom] = useState([...firmware.upgradableFrom]);
  const save = useMutation({
    mutationFn: () =>
      answered(
        api.PATCH('/api/v1/firmwares/{id}', {
          params: { path: { id: firmware.id }, header: { 'If-Match': `"${firmware.revision}"` } },
          body: {
            ...(description === (firmware.description ?? '')
              ? {}
              : { description: description === '' ? null : description }),
            ...(from.join() === firmware.upgradableFrom.join() ? {} : { upgradableFrom: from }),
          },
        }),
      ),
    onSuccess: onClose,
    onSettled: () => void queries.invalidateQueries({ queryKey: ['firmwares'] }),
  });
  const problem = save.isError ? problemOf(save.error) : undefined;
  return (
    <Confirm
      title={`Describe ${firmware.firmwareType} ${firmware.version}`}
      act="Save"
      busy={save.isPending}
      error={save.error}
      onClose={onClose}
      onConfirm={() => save.mutate()}
    >
      <Textarea
        label="Description"
        value={description}
        onChange={(event) => setDescription(event.currentTarget.value)}
        error={faultAt(problem, 'description')}
        autosize
        minRows={2}
      />
      <TagsInput
        label="Upgrades from these versions only"
        placeholder="every version"
        value={from}
        onChange={setFrom}
        error={faultAt(problem, 'upgradableFrom')}
      />
    </Confirm>
  );
};
