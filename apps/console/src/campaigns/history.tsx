import { Button, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count, percent } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { MOST } from '../shared/most.js';
import { Loaded } from '../shared/page.js';
import { historyQuery, type Campaign, type Happening } from './campaigns.queries.js';
import { deedOf, standsAlone } from './deeds.js';

/** Who did what to a campaign and when, and what it decided itself by which numbers. */
export const CampaignHistory = ({ campaign: { id, batches } }: { readonly campaign: Campaign }) => {
  const [limit, setLimit] = useState(20);
  const history = useQuery(historyQuery(id, limit));
  return (
    <Loaded query={history}>
      {({ items, nextCursor, total }) => (
        <>
          <ol className="timeline">
            {items.map((item) => (
              <li key={item.version}>
                <Moment at={item.at} clock />
                <span className="anywhere">
                  <Deed item={item} batches={batches} />
                  <Numbers item={item} />
                  {item.deviceId !== undefined && (
                    <>
                      {' '}
                      <AnchorLink to="/devices/$id/$tab" params={{ id: item.deviceId, tab: 'configuration' }}>
                        the device
                      </AnchorLink>
                    </>
                  )}
                </span>
              </li>
            ))}
          </ol>
          {nextCursor !== null && limit < MOST && (
            <Button variant="default" mt="sm" onClick={() => setLimit(MOST)}>
              {total !== undefined && total <= MOST
                ? `Show all ${count(total)}`
                : `Show the newest ${count(MOST)}`}
            </Button>
          )}
          {nextCursor !== null && limit >= MOST && (
            <Text c="dimmed" mt="sm">
              These are the newest {count(MOST)}
              {total === undefined ? '' : ` of ${count(total)}`}; GET /api/v1/campaigns/{id}/history lists
              all.
            </Text>
          )}
        </>
      )}
    </Loaded>
  );
};

const Deed = ({ item, batches }: { readonly item: Happening; readonly batches: Campaign['batches'] }) => {
  const deed = deedOf(item, batches);
  if (item.by.kind === 'system') return deed;
  return standsAlone(deed) ? (
    <>
      {deed}, by <ActorName actor={item.by} />
    </>
  ) : (
    <>
      <ActorName actor={item.by} /> {deed}
    </>
  );
};

const Numbers = ({ item: { numbers } }: { readonly item: Happening }) => {
  if (numbers === undefined) return null;
  const bad = numbers.failed + numbers.timedOut;
  return (
    <span className="dim">
      {' '}
      ({percent(bad, numbers.settled)} failed: {count(bad)} of {count(numbers.settled)} settled, of{' '}
      {count(numbers.size)})
    </span>
  );
};
