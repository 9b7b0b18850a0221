import { Button, Select, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { faultAt, problemOf } from '../api/problem.js';
import { FILTER_BOX } from '../shell/keys.js';
import { ActButton } from '../shared/act-button.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { count } from '../shared/format.js';
import { Paging } from '../shared/listed.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, PageHeader } from '../shared/page.js';
import { StateMark } from '../shared/state-mark.js';
import { PARKED_STATES, parkedListQuery, type Parked, type ParkedState } from './parked.queries.js';
import { ReplayMatching } from './replay-matching.js';
import { Table } from '../shared/table.js';

const WORDS: Readonly<Record<ParkedState, string>> = {
  open: 'open',
  replayed: 'replayed',
  dropped: 'dropped',
};

/** What could not be processed, and waits until somebody has it processed again, or drops it. */
export const ParkedPage = () => {
  const { state = 'open', filter = '', cursor } = useSearch({ from: '/parked' });
  const navigate = useNavigate();
  const parked = useQuery(parkedListQuery(state, filter, cursor));
  const [replaying, setReplaying] = useState(false);
  const go = (search: { state?: ParkedState; filter?: string; cursor?: string }) =>
    void navigate({ to: '/parked', search });
  const kept = {
    ...(state === 'open' ? {} : { state }),
    ...(filter === '' ? {} : { filter }),
  };
  const total = parked.data?.total;
  const fault = parked.isError ? faultAt(problemOf(parked.error), 'filter') : undefined;
  return (
    <div className="page">
      <PageHeader
        title="Parked messages"
        beside={<Text c="dimmed">{total === undefined ? '' : count(total)}</Text>}
        actions={
          <>
            <Select
              aria-label="State"
              data={PARKED_STATES.map((value) => ({ value, label: WORDS[value] }))}
              value={state}
              onChange={(value) => {
                const next = PARKED_STATES.find((known) => known === value) ?? 'open';
                go({ ...(next === 'open' ? {} : { state: next }), ...(filter === '' ? {} : { filter }) });
              }}
              allowDeselect={false}
              w={120}
            />
            <ActButton
              needs="parked-message"
              disabled={state !== 'open' || total === undefined || total === 0 || parked.isError}
              onClick={() => setReplaying(true)}
            >
              Replay all that match …
            </ActButton>
          </>
        }
      />
      <Text mb="sm">
        An event or a device’s message that failed for its own sake. It blocks nothing, and stays here until
        somebody decides. Replay it when its cause is gone.
      </Text>
      <FilterLine
        key={filter}
        applied={filter}
        fault={fault}
        onApply={(next) =>
          go({ ...(state === 'open' ? {} : { state }), ...(next === '' ? {} : { filter: next }) })
        }
      />
      {fault === undefined && (
        <Loaded query={parked}>
          {({ items, nextCursor }) =>
            items.length === 0 ? (
              <NoneOfThem state={state} filter={filter} onAll={() => go(state === 'open' ? {} : { state })} />
            ) : (
              <>
                <ParkedTable messages={items} />
                <Paging
                  cursor={cursor}
                  nextCursor={nextCursor}
                  first="To the newest"
                  more="Older"
                  readAt={parked.dataUpdatedAt}
                  onPage={(search) => go({ ...kept, ...search })}
                />
              </>
            )
          }
        </Loaded>
      )}
      {replaying && total !== undefined && (
        <ReplayMatching filter={filter} total={total} onClose={() => setReplaying(false)} />
      )}
    </div>
  );
};

const NoneOfThem = ({
  state,
  filter,
  onAll,
}: {
  readonly state: ParkedState;
  readonly filter: string;
  readonly onAll: () => void;
}) => {
  if (filter !== '') {
    return (
      <Nothing why={`No message that is ${WORDS[state]} matches ${filter}`}>
        <Button variant="default" onClick={onAll}>
          Show all that are {WORDS[state]}
        </Button>
      </Nothing>
    );
  }
  if (state !== 'open') return <Nothing why={`None was ${WORDS[state]} in the last weeks.`} />;
  return (
    <Nothing why="Nothing waits for a decision: everything could be processed.">
      <AnchorLink to="/parked" search={{ state: 'replayed' }}>
        Look at what was replayed
      </AnchorLink>
    </Nothing>
  );
};

const FilterLine = ({
  applied,
  fault,
  onApply,
}: {
  readonly applied: string;
  readonly fault: string | undefined;
  readonly onApply: (filter: string) => void;
}) => {
  const [text, setText] = useState(applied);
  useEffect(() => setText(applied), [applied]);
  return (
    <form
      className="filter-row"
      onSubmit={(event) => {
        event.preventDefault();
        onApply(text.trim());
      }}
    >
      <TextInput
        id={FILTER_BOX}
        className="filter-box"
        aria-label="Filter parked messages"
        placeholder="consumer==configuration-known-devices;code==internal"
        description="By service, stream, consumer, code, tries, firstParkedAt, lastParkedAt, traceId."
        inputWrapperOrder={['input', 'error', 'description']}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        error={fault}
        spellCheck={false}
        classNames={{ input: 'mono' }}
      />
      <Button type="submit" variant="default" disabled={text.trim() === applied}>
        Apply
      </Button>
      {applied !== '' && (
        <Button variant="default" onClick={() => onApply('')}>
          Clear
        </Button>
      )}
    </form>
  );
};

const ParkedTable = ({ messages }: { readonly messages: readonly Parked[] }) => (
  <Table
    isCards
    head={
      <>
        <th>Message</th>
        <th>Why not</th>
        <th className="right wide">Tries</th>
        <th>Parked</th>
        <th className="wide">State</th>
      </>
    }
  >
    {messages.map(({ id, state, service, consumer, subject, code, reason, tries, ...parked }) => (
      <tr key={id}>
        <td className="anywhere">
          <AnchorLink to="/parked/$id" params={{ id }}>
            {consumer}
          </AnchorLink>
          <div className="dim">of {service}</div>
          <div className="mono wide">{subject}</div>
        </td>
        <td className="anywhere">
          {reason}
          {code !== undefined && !reason.startsWith(code) && <div className="mono dim">{code}</div>}
        </td>
        <td className="right wide">{count(tries)}</td>
        <td>
          <Moment at={parked.lastParkedAt} />
        </td>
        <td className="wide">
          <StateMark state={state === 'open' ? 'undecided' : state} />
        </td>
      </tr>
    ))}
  </Table>
);
