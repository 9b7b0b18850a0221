import '@fontsource-variable/inter/wght.css';
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './app.css';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Refused, problemOf } from './api/problem.js';
import { router } from './routes.js';
import { cssVariables, theme } from './theme.js';

/** Where the session has ended the frame shows the sign-in, and comes back to the same page. */
const askWhetherSignedIn = (error: unknown): void => {
  if (problemOf(error).status === 401) void queries.invalidateQueries({ queryKey: ['me'] });
};

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      if (query.queryKey[0] !== 'me') askWhetherSignedIn(error);
    },
  }),
  mutationCache: new MutationCache({
    onError: (error) => {
      // Whoever is not signed in is at the sign-in already, and reads there that it was refused.
      if (queries.getQueryData(['me']) !== undefined) askWhetherSignedIn(error);
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What was refused will be refused again; what did not answer may.
      retry: (failures, error) =>
        failures < 2 &&
        (!(error instanceof Refused) || error.problem.status >= 500 || error.problem.status === 429),
      refetchOnWindowFocus: true,
    },
    // The answer to an act may hold a secret: it goes with the dialog that shows it.
    mutations: { gcTime: 0 },
  },
});

const place = document.getElementById('root');
if (place === null) throw new Error('index.html has no place for the console.');
createRoot(place).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" autoClose={10_000} />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
