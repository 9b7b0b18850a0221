import type { Policies, Right } from './policies.js';
import { isSignedBy, parseSasToken, type SasToken } from './sas.js';

/** What a token of a policy opened, and how long. */
export interface Grant {
  readonly policy: string;
  readonly rights: readonly Right[];
  /** What the token is for: `host`, `host/messages/events`, `sb://host/entity/…`. */
  readonly resource: string;
  readonly expiresAt: number;
}

export interface AuthorizeContext {
  readonly policies: Policies;
  /** Names that mean this hub, in small letters, with and without port. */
  readonly hostNames: ReadonlySet<string>;
  /** The clock that signatures are held against. */
  readonly now: number;
}

/** Undefined: not ours, not signed with a key of its policy, or over. */
export const authorizePolicy = (text: string, context: AuthorizeContext): Grant | undefined => {
  const token = parseSasToken(text);
  if (token?.policy === undefined || token.expiresAt <= context.now) return undefined;
  const policy = context.policies.find(token.policy);
  if (policy === undefined || !isForHub(token, context.hostNames)) return undefined;
  const how = token.resource.includes('://') ? 'keyText' : 'decodedKey';
  const signed = isSignedBy(token, policy.primaryKey, how) || isSignedBy(token, policy.secondaryKey, how);
  if (!signed) return undefined;
  return {
    policy: policy.name,
    rights: policy.rights,
    resource: token.resource,
    expiresAt: token.expiresAt,
  };
};

/** Whether the token's resource is this hub, or something below it. */
export const isForHub = ({ resource }: SasToken, hostNames: ReadonlySet<string>): boolean => {
  const [host = ''] = resource.replace(/^\w+:\/\//, '').split('/');
  return hostNames.has(host.toLowerCase());
};

/** Whether a grant for `resource` reaches `path` (`devices/d1`, `messages/events`): itself or what is above it. */
export const covers = ({ resource }: Pick<Grant, 'resource'>, path: string): boolean => {
  const [, ...below] = resource
    .replace(/^\w+:\/\//, '')
    .replace(/\/+$/, '')
    .split('/');
  const granted = below.join('/').toLowerCase();
  const wanted = path.replace(/^\/+/, '').toLowerCase();
  return granted === '' || wanted === granted || wanted.startsWith(`${granted}/`);
};
