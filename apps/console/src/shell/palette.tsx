import { TextInput } from '@mantine/core';
import { Dialog } from '../shared/dialog.js';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { startingWith } from '../devices/filter-text.js';
import { PAGES } from './pages.js';

interface Hit {
  readonly key: string;
  readonly name: string;
  readonly kind: string;
  readonly go: () => void;
}

const MOST_CAMPAIGNS = 6;

/** Finds pages and campaigns by a part of their name, devices by the beginning of theirs. */
export const Palette = ({ onClose }: { readonly onClose: () => void }) => {
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const [typed] = useDebouncedValue(text.trim(), 150);
  const devices = useQuery({
    queryKey: ['palette', 'devices', typed],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/devices', {
          params: {
            query: { filter: `name==${startingWith(typed)},serialNumber==${startingWith(typed)}`, limit: 8 },
          },
          signal,
        }),
      ),
    enabled: typed !== '',
  });
  const campaigns = useQuery({
    queryKey: ['palette', 'campaigns', typed],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/campaigns', { params: { query: { name: typed, limit: MOST_CAMPAIGNS } }, signal }),
      ),
    enabled: typed !== '',
    staleTime: 30_000,
  });
  const lower = text.trim().toLowerCase();
  // What was found for the text of before is not offered: Enter would open another device than the one that was typed.
  const isOld = typed !== text.trim();
  const looking = lower !== '' && (isOld || devices.isPending || campaigns.isPending);
  const found = <T,>(read: { readonly items: readonly T[] } | undefined): readonly T[] =>
    isOld || typed === '' ? [] : (read?.items ?? []);
  const hits: Hit[] = [
    ...PAGES.filter(({ name }) => name.toLowerCase().includes(lower)).map(({ name, to }) => ({
      key: to,
      name,
      kind: 'page',
      go: () => void navigate({ to }),
    })),
    ...found(devices.data).map(({ id, name }) => ({
      key: id,
      name,
      kind: 'device',
      go: () => void navigate({ to: '/devices/$id/$tab', params: { id, tab: 'configuration' } }),
    })),
    ...found(campaigns.data).map(({ id, name }) => ({
      key: id,
      name,
      kind: 'campaign',
      go: () => void navigate({ to: '/campaigns/$id', params: { id } }),
    })),
  ];
  const open = (hit: Hit | undefined) => {
    if (hit === undefined) return;
    onClose();
    hit.go();
  };
  return (
    <Dialog onClose={onClose} title="Find" size="lg" yOffset="12vh" closeOnClickOutside>
      <TextInput
        data-autofocus
        aria-label="Page, device or campaign"
        placeholder="Page, device or campaign"
        role="combobox"
        aria-expanded
        aria-controls="palette-hits"
        {...(hits[chosen] === undefined ? {} : { 'aria-activedescendant': `palette-hit-${chosen}` })}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
            event.preventDefault();
            const step = event.key === 'ArrowDown' ? 1 : -1;
            setChosen((at) => Math.max(0, Math.min(hits.length - 1, at + step)));
          } else if (event.key === 'Enter') {
            event.preventDefault();
            open(hits[chosen]);
          }
        }}
      />
      <ul id="palette-hits" role="listbox" aria-label="Found" className="palette-hits">
        {hits.map((hit, index) => (
          <li
            key={hit.key}
            id={`palette-hit-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseDown={(event) => {
              event.preventDefault();
              open(hit);
            }}
          >
            <span>{hit.name}</span> <span className="dim">{hit.kind}</span>
          </li>
        ))}
      </ul>
      {hits.length === 0 && <p className="dim">{looking ? 'Looking …' : 'Nothing is called so.'}</p>}
    </Dialog>
  );
};
