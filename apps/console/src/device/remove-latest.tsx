import { Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { answered, api } from '../api/client.js';
import { Confirm } from '../shared/confirm-count.js';

/** Takes a key out of the latest values, whose number is limited; what was sent under it stays. */
export const RemoveLatest = ({
  id,
  keyName,
  onClose,
}: {
  readonly id: string;
  readonly keyName: string;
  readonly onClose: () => void;
}) => {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () =>
      answered(
        api.DELETE('/api/v1/devices/{id}/telemetry/latest', {
          params: { path: { id }, query: { key: keyName } },
        }),
      ),
    onSuccess: onClose,
    onSettled: () => void queries.invalidateQueries({ queryKey: ['device', id, 'latest'] }),
  });
  return (
    <Confirm
      title={`Remove ${keyName} from the latest values`}
      act="Remove"
      busy={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onConfirm={() => remove.mutate()}
    >
      <Text>
        Its samples stay, and it comes back when the device sends it again. A device has so many keys at most:
        this makes room for another.
      </Text>
    </Confirm>
  );
};
