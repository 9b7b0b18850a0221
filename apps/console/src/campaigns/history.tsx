import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ActorName } from '../shared/actor.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count, percent } from '../shared/format.js';
import { Moment } from '../shared/moment.js';
import { Loaded } from '../shared/page.js';
import { historyQuery, type Campaign, type Happening } from './campaigns.queries.js';
import { deedOf } from './deeds.js';

/** The most that one page has. */
const MOST = 500;

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
                  {item.by.kind === 'system' ? '' : <ActorName actor={item.by} />} {deedOf(item, batches)}
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
              Show all {total === undefined ? '' : count(total)}
            </Button>
          )}
        </>
      )}
    </Loaded>
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
