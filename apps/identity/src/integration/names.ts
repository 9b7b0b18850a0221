const PREFIX = 'integration-';

/** The durable consumer of an integration, of the same name in every stream. */
export const consumerOf = (integrationId: string): string => `${PREFIX}${integrationId}`;

/** Begins the name of every one of them. */
export const CONSUMER_PREFIX = PREFIX;

/** The one inbox an integration may listen to, so that no other sees its answers. */
export const inboxPrefixOf = (integrationId: string): string => `_INBOX_${integrationId}`;
