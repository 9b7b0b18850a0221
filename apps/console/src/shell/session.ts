import { queryOptions } from '@tanstack/react-query';
import { createContext, useContext } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { Refused } from '../api/problem.js';
import type { Entity } from './entities.js';

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => answered(api.GET('/api/v1/me', { signal })),
  staleTime: 60_000,
  retry: (failures, error) => !(error instanceof Refused) && failures < 3,
});

/** The key becomes a session, whose cookie no script can read; it is kept nowhere here. Throws `Refused`. */
export const signIn = (key: string) => answered(api.POST('/api/v1/sessions', { body: { key } }));

/** Also where the session has ended already. */
export const signOut = async (): Promise<void> => {
  await api.DELETE('/api/v1/sessions/current');
};

/** Whether who is signed in may change such things anywhere: what nobody may is shown, and cannot be pressed. */
export const useMayChange = (entity: Entity): boolean =>
  useContext(Rights).some((right) => right.entity === entity && right.permissions.includes('change'));

/** Of who is signed in. Not a query at each button: a list has fifty of them. */
export const Rights = createContext<Schema<'Me'>['rights']>([]);
