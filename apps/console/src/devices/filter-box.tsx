import { Button, Group, TextInput } from '@mantine/core';
import { FilterIcon, XIcon } from '@primer/octicons-react';
import { useQuery } from '@tanstack/react-query';
import { useDebouncedValue } from '@mantine/hooks';
import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react';
import { flushSync } from 'react-dom';
import { count } from '../shared/format.js';
import { isSecretName } from '../shared/secret.js';
import { FILTER_BOX } from '../shell/keys.js';
import { filterFieldsQuery, filterValuesQuery } from './devices.queries.js';
import { faultOf } from './filter-check.js';
import { conjuncts, without } from './filter-text.js';
import { placeAt, suggestionsFor, taken, valueSuggestions, type Suggestion } from './suggest.js';

/**
 * A filter as it is written, with what can come next: fields, their operators, and the values that devices have. Chips below
 * are the same text in parts. `onApply` gets a filter that the platform's own parser has read.
 */
export const FilterBox = ({
  applied,
  onApply,
  onUnfinished,
  fault: refused,
  id = FILTER_BOX,
  label = 'Filter devices',
}: {
  readonly applied: string;
  readonly onApply: (filter: string) => void;
  /** Whether something is written that is not applied. */
  readonly onUnfinished?: (unfinished: boolean) => void;
  /** What the platform says against the filter that is applied. */
  readonly fault?: string | undefined;
  readonly id?: string;
  readonly label?: string;
}) => {
  const [text, setText] = useState(applied);
  const [caret, setCaret] = useState(applied.length);
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  const fields = useQuery(filterFieldsQuery).data?.items ?? [];
  useEffect(() => {
    setText(applied);
    setCaret(applied.length);
  }, [applied]);

  const place = placeAt(text, caret);
  const [typed] = useDebouncedValue(place.typed, 150);
  // Times are not counted by value, and secrets are not shown.
  const asks =
    open &&
    place.kind === 'value' &&
    !/^(createdAt|lastSeenAt|connected)$/.test(place.field) &&
    !isSecretName(place.field);
  const values = useQuery({
    ...filterValuesQuery(place.kind === 'value' ? place.field : '', typed),
    enabled: asks,
  });
  const known = suggestionsFor(place, fields);
  const found = asks ? valueSuggestions(values.data?.items ?? [], (devices) => count(devices)) : [];
  const suggestions = (found.length > 0 ? found : known).slice(0, 12);
  const shown = open && suggestions.length > 0;
  const fault = faultOf(text, fields);
  const unfinished = text.trim() !== applied.trim();
  useEffect(() => onUnfinished?.(unfinished), [unfinished, onUnfinished]);

  const apply = () => {
    if (fault !== undefined) return;
    setOpen(false);
    setChosen(-1);
    onApply(text.trim());
  };
  const take = (suggestion: Suggestion) => {
    const next = taken(text, place, suggestion);
    // At once: a caret that is set a frame later goes back before what was typed meanwhile.
    flushSync(() => {
      setText(next.text);
      setCaret(next.caret);
      setChosen(-1);
    });
    input.current?.focus();
    input.current?.setSelectionRange(next.caret, next.caret);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const suggestion = suggestions[chosen];
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setOpen(true);
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setChosen((at) => Math.max(-1, Math.min(suggestions.length - 1, at + step)));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (shown && suggestion !== undefined) take(suggestion);
      else apply();
    } else if (event.key === 'Tab' && shown && !event.shiftKey && suggestion !== undefined) {
      event.preventDefault();
      take(suggestion);
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      if (shown) setOpen(false);
      else setText(applied);
    }
  };

  return (
    <div className="filter-box">
      <div className="filter-line">
        <TextInput
          ref={input}
          id={id}
          aria-label={label}
          placeholder="Filter: deviceType==radiator;connected==false"
          leftSection={<FilterIcon size={14} aria-hidden="true" />}
          value={text}
          spellCheck={false}
          autoComplete="off"
          maxLength={4096}
          role="combobox"
          aria-expanded={shown}
          aria-controls={listId}
          aria-autocomplete="list"
          {...(shown && chosen >= 0 ? { 'aria-activedescendant': `${listId}-${chosen}` } : {})}
          classNames={{ input: 'mono' }}
          className="grow"
          error={(unfinished && !shown ? fault : undefined) ?? (unfinished ? undefined : refused)}
          onChange={(event) => {
            setText(event.currentTarget.value);
            setCaret(event.currentTarget.selectionStart ?? event.currentTarget.value.length);
            setOpen(true);
            setChosen(-1);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? text.length)}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={onKeyDown}
        />
        {unfinished && (
          <Button onClick={apply} disabled={fault !== undefined}>
            Apply
          </Button>
        )}
        {!unfinished && applied !== '' && (
          <Button variant="default" onClick={() => onApply('')}>
            Clear
          </Button>
        )}
        <ul
          id={listId}
          role="listbox"
          aria-label="What can come next"
          className={shown ? 'suggestions' : 'visually-hidden'}
        >
          {shown &&
            suggestions.map((suggestion, index) => (
              <li
                key={suggestion.text}
                id={`${listId}-${index}`}
                role="option"
                aria-selected={index === chosen}
                onMouseDown={(event) => {
                  event.preventDefault();
                  take(suggestion);
                }}
              >
                <span className="mono">{suggestion.shown}</span>
                <span className="dim">{suggestion.beside}</span>
              </li>
            ))}
        </ul>
      </div>
      <Chips filter={applied} onApply={onApply} />
    </div>
  );
};

const Chips = ({
  filter,
  onApply,
}: {
  readonly filter: string;
  readonly onApply: (filter: string) => void;
}) => {
  const pieces = conjuncts(filter);
  if (pieces.length < 2) return null;
  return (
    <Group gap={4} mt={4}>
      {pieces.map((piece) => (
        <button
          type="button"
          key={piece.from}
          className="chip mono"
          title="Take this condition away"
          onClick={() => onApply(without(filter, piece))}
        >
          {piece.text} <XIcon size={12} aria-label="take away" />
        </button>
      ))}
    </Group>
  );
};
