import {
  ActionIcon,
  AppShell,
  Burger,
  Button,
  Group,
  Kbd,
  Menu,
  Table,
  useMantineColorScheme,
} from '@mantine/core';
import { Dialog } from '../shared/dialog.js';
import { KebabHorizontalIcon, SearchIcon } from '@primer/octicons-react';
import { focusManager, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import { problemOf } from '../api/problem.js';
import { ownZone } from '../shared/local-time.js';
import { ProblemView } from '../shared/problem-view.js';
import { KEYS, useKeys, type KeyPage } from './keys.js';
import { LiveMark } from './live-mark.js';
import { PAGES } from './pages.js';
import { Palette } from './palette.js';
import { meQuery, Rights, signOut } from './session.js';
import { SignIn } from './sign-in.js';
import { SingleKeys } from './single-keys.js';

/**
 * Everything around a page; in its place the sign-in, where nobody is signed in. Where a session has ended meanwhile, the page
 * stays behind the sign-in, unseen, with what was typed on it.
 */
export const Frame = () => {
  const me = useQuery(meQuery);
  const isSignedOut = me.isError && problemOf(me.error).status === 401;
  useEffect(() => {
    document.body.toggleAttribute('data-signed-out', isSignedOut);
    // What is not looked at is not read every few seconds: each time would be refused.
    focusManager.setFocused(isSignedOut ? false : undefined);
  }, [isSignedOut]);
  if (me.data === undefined) {
    if (isSignedOut) return <SignIn />;
    return me.isError ? (
      <main className="sign-in">
        <ProblemView error={me.error} retry={() => void me.refetch()} />
      </main>
    ) : (
      <main aria-busy="true" />
    );
  }
  const { id, tenantId, rights } = me.data;
  return (
    <>
      {isSignedOut && <SignIn after={me.data} />}
      <div className="signed-in">
        <Rights value={rights}>
          <SignedIn key={`${tenantId} ${id}`} name={id} />
        </Rights>
      </div>
    </>
  );
};

const SignedIn = ({ name }: { readonly name: string }) => {
  const navigate = useNavigate();
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const [menuOpen, setMenuOpen] = useState(false);
  const [finding, setFinding] = useState(false);
  const [help, setHelp] = useState(false);
  const acts = useMemo(
    () => ({
      palette: () => setFinding(true),
      help: () => setHelp(true),
      go: (to: KeyPage) => void navigate({ to }),
    }),
    [navigate],
  );
  useKeys(acts);
  useEffect(() => setMenuOpen(false), [path]);
  return (
    <AppShell
      header={{ height: 44 }}
      navbar={{ width: 176, breakpoint: 'sm', collapsed: { mobile: !menuOpen } }}
      padding={0}
    >
      <a href="#page" className="skip">
        Skip the menu
      </a>
      <AppShell.Header className="header">
        <Group gap="xs" wrap="nowrap">
          <Burger
            opened={menuOpen}
            onClick={() => setMenuOpen(!menuOpen)}
            hiddenFrom="sm"
            size="sm"
            aria-label="Menu"
          />
          <Link to="/" className="brand">
            Muster
          </Link>
        </Group>
        <Button
          variant="default"
          className="find"
          leftSection={<SearchIcon size={14} />}
          rightSection={
            <Kbd size="xs" visibleFrom="sm">
              Ctrl K
            </Kbd>
          }
          onClick={() => setFinding(true)}
        >
          Find
        </Button>
        <Group gap="xs" wrap="nowrap">
          <LiveMark />
          <Settings name={name} onHelp={() => setHelp(true)} />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar className="navbar">
        <nav aria-label="Pages">
          {PAGES.map(({ to, name: page, icon: Shape }) => (
            <Link
              key={to}
              to={to}
              className="nav-link"
              activeOptions={{ exact: to === '/' }}
              activeProps={{ className: 'nav-link here', 'aria-current': 'page' }}
            >
              <Shape size={16} aria-hidden="true" /> {page}
            </Link>
          ))}
        </nav>
        {/* Sentences of the platform are of UTC, and so are its logs. */}
        <div className="zone dim" title="By the clock of this computer">
          Times are of {ownZone()}
        </div>
      </AppShell.Navbar>
      <AppShell.Main id="page" tabIndex={-1}>
        <Outlet />
      </AppShell.Main>
      <div id="announcements" role="status" aria-live="polite" className="visually-hidden" />
      {finding && <Palette onClose={() => setFinding(false)} />}
      {help && <Help onClose={() => setHelp(false)} />}
    </AppShell>
  );
};

const Settings = ({ name, onHelp }: { readonly name: string; readonly onHelp: () => void }) => {
  const queries = useQueryClient();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Settings and sign out" size="md">
          <KebabHorizontalIcon size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Signed in as {name}</Menu.Label>
        <Menu.Divider />
        <Menu.Label>Colours</Menu.Label>
        {(['auto', 'light', 'dark'] as const).map((scheme) => (
          <Menu.Item
            key={scheme}
            onClick={() => setColorScheme(scheme)}
            {...(colorScheme === scheme ? { 'aria-current': true } : {})}
          >
            {colorScheme === scheme ? '✓ ' : '  '}
            {scheme === 'auto' ? 'as the system' : scheme}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={onHelp}>Keys</Menu.Item>
        <Menu.Item component="a" href="/api/v1/docs" target="_blank">
          REST API
        </Menu.Item>
        <Menu.Item onClick={() => void signOut().then(() => queries.resetQueries())}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
};

const Help = ({ onClose }: { readonly onClose: () => void }) => (
  <Dialog onClose={onClose} title="Keys" closeOnClickOutside>
    <Table>
      <Table.Tbody>
        {KEYS.map(({ keys, does }) => (
          <Table.Tr key={keys}>
            <Table.Td>
              <Kbd>{keys}</Kbd>
            </Table.Td>
            <Table.Td>{does}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
    <SingleKeys />
  </Dialog>
);
