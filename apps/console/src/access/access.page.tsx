import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import type { ComponentType } from 'react';
import { fleetSummaryQuery } from '../devices/devices.queries.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { PageHeader } from '../shared/page.js';
import { StateMark } from '../shared/state-mark.js';
import { Authorities } from './authorities.js';
import { ClaimKeys } from './claim-keys.js';
import { ACCESS_SECTIONS, type AccessSection } from './sections.js';
import { You } from './you.js';

const SECTIONS: Readonly<Record<AccessSection, { readonly name: string; readonly Part: ComponentType }>> = {
  you: { name: 'You', Part: You },
  'certificate-authorities': { name: 'Certificate authorities', Part: Authorities },
  'claim-keys': { name: 'Claim keys', Part: ClaimKeys },
};

/** Who may do what, and what devices get in by that nobody has made one by one. */
export const AccessPage = () => {
  const { section } = useParams({ from: '/access/$section' });
  const { Part } = SECTIONS[section];
  return (
    <div className="page">
      <PageHeader title="Access" beside={<Waiting />} />
      <nav className="tabs" aria-label="Of access">
        {ACCESS_SECTIONS.map((one) => (
          <Link
            key={one}
            to="/access/$section"
            params={{ section: one }}
            className={one === section ? 'tab here' : 'tab'}
            {...(one === section ? { 'aria-current': 'page' } : {})}
          >
            {SECTIONS[one].name}
          </Link>
        ))}
      </nav>
      <Part />
    </div>
  );
};

/** Devices that have enrolled and are let in by nothing until somebody approves them. */
const Waiting = () => {
  const waiting = useQuery({ ...fleetSummaryQuery('status==pending'), refetchInterval: 30_000 }).data?.total;
  if (waiting === undefined) return null;
  if (waiting === 0) return <Text c="dimmed">No device waits for an approval.</Text>;
  return (
    <>
      <StateMark state="awaits_approval" word="approve" />
      <AnchorLink to="/devices" search={{ filter: 'status==pending' }}>
        {count(waiting)} {waiting === 1 ? 'device waits' : 'devices wait'} for an approval
      </AnchorLink>
    </>
  );
};
