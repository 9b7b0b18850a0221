import { Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { ActButton } from '../shared/act-button.js';
import { Confirm } from '../shared/confirm-count.js';
import { count } from '../shared/format.js';
import type { DeviceType } from './types.queries.js';

/** Of a type without devices; the platform refuses another. */
export const DeleteType = ({
  type: { id, name, version },
  devices,
}: {
  readonly type: DeviceType;
  /** Undefined: not known yet. */
  readonly devices: number | undefined;
}) => {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const remove = useMutation({
    mutationFn: () =>
      answered(
        api.DELETE('/api/v1/device-types/{id}', {
          params: { path: { id }, header: { 'If-Match': `"${version}"` } },
        }),
      ),
    onSuccess: () => {
      setAsking(false);
      void navigate({ to: '/types' });
      queries.removeQueries({ queryKey: ['device-types', 'one', id] });
      void queries.invalidateQueries({ queryKey: ['device-types'] });
    },
  });
  return (
    <>
      <ActButton
        needs="device-type"
        variant="default"
        disabled={devices !== 0}
        title={
          devices === undefined || devices === 0
            ? undefined
            : `${count(devices)} ${devices === 1 ? 'device is' : 'devices are'} of it`
        }
        aria-label={`Delete ${name} …`}
        onClick={() => setAsking(true)}
      >
        Delete …
      </ActButton>
      {asking && (
        <Confirm
          title={`Delete ${name}`}
          act="Delete"
          danger
          toType={name}
          busy={remove.isPending}
          error={remove.error}
          onClose={() => setAsking(false)}
          onConfirm={() => remove.mutate()}
        >
          <Text>
            Its application versions, its keys and their defaults go with it. This cannot be undone.
          </Text>
        </Confirm>
      )}
    </>
  );
};
