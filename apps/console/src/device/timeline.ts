import type { Schema } from '../api/client.js';

/** One thing that happened to a device. */
export type Happened =
  | { readonly kind: 'configuration'; readonly at: string; readonly item: Schema<'HistoryItem'> }
  | { readonly kind: 'command' | 'answer'; readonly at: string; readonly command: Schema<'CommandView'> }
  | {
      readonly kind: 'offered' | 'refused' | 'running';
      readonly at: string;
      readonly software: Schema<'SoftwareView'>;
    }
  | { readonly kind: 'connected'; readonly at: string; readonly clientId: string }
  | { readonly kind: 'ended'; readonly at: string; readonly ended: Schema<'ConnectionEnd'> }
  | { readonly kind: 'issued'; readonly at: string; readonly what: string };

/** What one list knows, newest first. `more`: it has older ones that were not read. */
export interface Part {
  readonly items: readonly Happened[];
  readonly more: boolean;
}

/**
 * All of it by time, newest first; and back only as far as every list was read, because further back things would be missing
 * without anybody seeing it.
 */
export const mergedBack = (
  parts: readonly Part[],
): { readonly items: readonly Happened[]; readonly more: boolean } => {
  const horizon = parts
    .filter(({ more }) => more)
    .map(({ items }) => items.at(-1)?.at ?? '')
    .reduce((latest, at) => (at > latest ? at : latest), '');
  const items = parts
    .flatMap((part) => part.items)
    .filter(({ at }) => at >= horizon)
    .sort((a, b) => b.at.localeCompare(a.at));
  return { items, more: parts.some(({ more }) => more) };
};

/** Given, and answered or ended; a command that was given before the oldest of the page may have been answered after it. */
export const ofCommands = ({ items, nextCursor }: Schema<'CommandPage'>): Part => ({
  items: items
    .flatMap((command): Happened[] => [
      { kind: 'command', at: command.createdAt, command },
      ...(command.finishedAt === undefined
        ? []
        : [{ kind: 'answer' as const, at: command.finishedAt, command }]),
    ])
    .sort((a, b) => b.at.localeCompare(a.at)),
  more: nextCursor !== null,
});

/** Of each firmware type the last offer, the last refusal, and what it runs since: the platform keeps no more. */
export const ofSoftware = ({ items }: Schema<'SoftwareStates'>): Part => ({
  items: items.flatMap((software): Happened[] => [
    ...(software.offered === undefined
      ? []
      : [{ kind: 'offered' as const, at: software.offered.at, software }]),
    ...(software.rejected === undefined
      ? []
      : [{ kind: 'refused' as const, at: software.rejected.at, software }]),
    ...(software.reportedAt === undefined
      ? []
      : [{ kind: 'running' as const, at: software.reportedAt, software }]),
  ]),
  more: false,
});

/** The connections there are, and the end of the last: those before are not kept. */
export const ofConnections = ({ connections, lastEnded }: Schema<'DeviceConnectivity'>): Part => ({
  items: [
    ...connections.map(({ since, clientId }) => ({ kind: 'connected' as const, at: since, clientId })),
    ...(lastEnded === null ? [] : [{ kind: 'ended' as const, at: lastEnded.at, ended: lastEnded }]),
  ],
  more: false,
});

/** When tokens and credentials that there still are were issued. */
export const ofIssued = (
  tokens: Schema<'TokenList'> | undefined,
  credentials: Schema<'CredentialList'> | undefined,
): Part => ({
  items: [
    ...(tokens?.items ?? []).map(({ createdAt, hint, status }) => ({
      kind: 'issued' as const,
      at: createdAt,
      what: `A token (${hint}) was issued; it is ${status}`,
    })),
    ...(credentials?.items ?? []).map(({ createdAt, kind, status }) => ({
      kind: 'issued' as const,
      at: createdAt,
      what: `A credential (${kind}) was issued; it is ${status}`,
    })),
  ],
  more: false,
});
