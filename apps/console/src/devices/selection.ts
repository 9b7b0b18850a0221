/** Which devices are selected: some by name, or all that match but a few. */
export type Selection =
  | { readonly kind: 'some'; readonly ids: ReadonlySet<string> }
  | { readonly kind: 'all'; readonly except: ReadonlySet<string> };

/** A filter ends at 4,096 characters, and each exception takes 37. */
export const MOST_EXCEPTIONS = 100;

export const NOTHING: Selection = { kind: 'some', ids: new Set() };
export const ALL: Selection = { kind: 'all', except: new Set() };

export const isSelected = (selection: Selection, id: string): boolean =>
  selection.kind === 'some' ? selection.ids.has(id) : !selection.except.has(id);

/** Of "all but", no more than `MOST_EXCEPTIONS` can be left out: then it stays as it was. */
export const toggled = (selection: Selection, id: string): Selection => {
  const set = new Set(selection.kind === 'some' ? selection.ids : selection.except);
  if (!set.delete(id)) set.add(id);
  if (selection.kind === 'some') return { kind: 'some', ids: set };
  return set.size > MOST_EXCEPTIONS ? selection : { kind: 'all', except: set };
};

export const sizeOf = (selection: Selection, total: number): number =>
  selection.kind === 'some' ? selection.ids.size : Math.max(0, total - selection.except.size);

/** What bulk acts take. All devices of a tenant are those that have a name. */
export const targetOf = (
  selection: Selection,
  filter: string,
): { readonly deviceIds: string[] } | { readonly filter: string } => {
  if (selection.kind === 'some') return { deviceIds: [...selection.ids] };
  const all = filter.trim() === '' ? 'name=exists=true' : filter;
  if (selection.except.size === 0) return { filter: all };
  const but = `id=out=(${[...selection.except].join(',')})`;
  return { filter: filter.trim() === '' ? but : `(${all});${but}` };
};
