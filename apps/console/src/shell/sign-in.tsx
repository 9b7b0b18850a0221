import { Button, Code, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ProblemView } from '../shared/problem-view.js';
import { signIn } from './session.js';

export const SignIn = () => {
  const queries = useQueryClient();
  const [key, setKey] = useState('');
  const enter = useMutation({
    mutationFn: () => signIn(key.trim()),
    onSuccess: async () => {
      setKey('');
      await queries.resetQueries();
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
          <PasswordInput
            label="API key"
            name="api-key"
            autoComplete="current-password"
            autoFocus
            required
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
          />
          <ProblemView error={enter.error} />
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
