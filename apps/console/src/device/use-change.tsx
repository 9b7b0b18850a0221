import { Button, Group, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, withEtag } from '../api/client.js';
import { isOpen, problemOf } from '../api/problem.js';
import { announce } from '../shared/announce.js';
import type { Versioned } from '../shared/use-edit.js';
import { isInPlace, requestOf, undoOf, withChange, type Change } from './change.js';
import { configurationQuery, type Configuration } from './device.queries.js';

/**
 * Changes one key upon what was looked at, and shows it at once. If somebody was faster the platform answers 412, and
 * nothing has changed. For ten seconds it can be taken back, in the same way.
 */
export const useChange = (id: string) => {
  const queries = useQueryClient();
  const { queryKey } = configurationQuery(id);
  const mutation = useMutation({
    mutationFn: ({ change, upon }: { readonly change: Change; readonly upon: Versioned<Configuration> }) => {
      const { method, body } = requestOf(upon.data, change);
      const params = { path: { id }, header: { 'If-Match': upon.etag } };
      return withEtag(
        method === 'PATCH'
          ? api.PATCH('/api/v1/devices/{id}/configuration/desired', { params, body })
          : api.PUT('/api/v1/devices/{id}/configuration/desired', { params, body }),
      );
    },
    onMutate: async ({ change, upon }) => {
      await queries.cancelQueries({ queryKey });
      const before = queries.getQueryData(queryKey);
      queries.setQueryData(queryKey, { ...upon, data: withChange(upon.data, change) });
      return { before };
    },
    onError: (_error, _variables, context) => {
      if (context?.before !== undefined) queries.setQueryData(queryKey, context.before);
    },
    onSettled: () => void queries.invalidateQueries({ queryKey: ['device', id] }),
  });

  const offerUndo = (change: Change, before: Configuration) => {
    // The newest change of a key only: an older one would take the newer away with itself.
    const toast = `undo ${id} ${change.key}`;
    notifications.hide(toast);
    notifications.show({
      id: toast,
      title: `${change.key} is changed`,
      message: (
        <Group justify="space-between">
          <Text>The device is told as soon as it can be reached.</Text>
          <Button
            variant="default"
            onClick={() => {
              notifications.hide(toast);
              void takeBack(change, before);
            }}
          >
            Undo
          </Button>
        </Group>
      ),
    });
    announce(`${change.key} is changed`);
  };
  const takeBack = async (change: Change, before: Configuration) => {
    try {
      // Upon what is there now: the change itself, unless somebody came after it.
      const now = await queries.query({ ...configurationQuery(id), staleTime: 0 });
      if (!isInPlace(now.data, change)) {
        notifications.show({
          title: `${change.key} was changed again`,
          message: 'Somebody came after you. Nothing was taken back.',
        });
        return;
      }
      await mutation.mutateAsync({ change: undoOf(before, change), upon: now });
      notifications.show({ title: `${change.key} is as before`, message: '' });
    } catch (error) {
      const problem = problemOf(error);
      const title = isOpen(problem) ? 'It is not known whether it was taken back' : 'It was not taken back';
      notifications.show({ color: 'red', title, message: problem.detail });
    }
  };
  return {
    mutation,
    make: async (change: Change, upon: Versioned<Configuration>) => {
      await mutation.mutateAsync({ change, upon });
      offerUndo(change, upon.data);
    },
  };
};
