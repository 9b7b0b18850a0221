import '@fontsource-variable/inter/wght.css';
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './app.css';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Refused, problemOf } from './api/problem.js';
import { router } from './routes.js';
import { cssVariables, theme } from './theme.js';

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    // The session has ended: the frame shows the sign-in, and comes back to the same page.
    onError: (error, query) => {
      if (problemOf(error).status === 401 && query.queryKey[0] !== 'me')
        void queries.invalidateQueries({ queryKey: ['me'] });
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
