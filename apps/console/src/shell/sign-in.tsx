import { Button, Code, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { ProblemView } from '../shared/problem-view.js';
import { signIn } from './session.js';

/** `after`: whose session has ended meanwhile; what they have left is theirs alone. */
export const SignIn = ({ after }: { readonly after?: Schema<'Me'> }) => {
  const queries = useQueryClient();
  const [key, setKey] = useState('');
  const enter = useMutation({
    mutationFn: () => signIn(key.trim()),
    onSuccess: async () => {
      setKey('');
      const now = await answered(api.GET('/api/v1/me'));
      if (now.id === after?.id && now.tenantId === after.tenantId) await queries.invalidateQueries();
      else await queries.resetQueries();
    },
  });
  return (
    <main className="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          enter.mutate();
        }}
      >
        <Stack gap="sm">
          <Title order={1}>Muster</Title>
          {after !== undefined && (
            <Text>
              The session has ended. Sign in as {after.id} again to go on where you were: what you have typed
              is still there.
            </Text>
          )}
          <PasswordInput
            label="API key"
            name="api-key"
            autoComplete="current-password"
            autoFocus
            required
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
          />
          <ProblemView error={enter.error} atSignIn />
          <Button type="submit" loading={enter.isPending}>
            Sign in
          </Button>
          <Text c="dimmed">
            After <Code>npm start</Code> the key of the local admin is in <Code>.muster/admin-api-key</Code>.
            The key is exchanged for a session and not kept in this browser.
          </Text>
        </Stack>
      </form>
    </main>
  );
};
