/** Whether what stands under a key is not for everybody who sees the screen. */
export type IsSecret = (key: string) => boolean;

const WORDS = new Set([
  ...['secret', 'secrets', 'password', 'passwords', 'passwd', 'passphrase', 'psk', 'apikey'],
  ...['credential', 'credentials'],
]);
/** Of a key that opens something; a `routing_key` opens nothing. */
const OPENING = new Set(['api', 'private', 'secret', 'access', 'shared', 'preshared', 'encryption', 'claim']);

/** By its name alone: `firmware_token`, `wifiPassword`, `private-key`; not `token_expires_at`. */
export const isSecretName: IsSecret = (key) => {
  const words = key
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
  const last = words.at(-1) ?? '';
  return (
    words.some((word) => WORDS.has(word)) ||
    last === 'token' ||
    last === 'tokens' ||
    (last === 'key' && OPENING.has(words.at(-2) ?? ''))
  );
};

export const DOTS = '••••••';

/**
 * The JSON of `value`, which stands under `name`, with dots in place of what is secret in it, however deep. Undefined: nothing
 * of it is. That something is set or not (null, true, false) is none.
 */
export const covered = (name: string, value: unknown, isSecret: IsSecret): string | undefined => {
  if (isSecret(name) && canBeSecret(value)) return DOTS;
  let hidden = 0;
  const cover = (key: string, member: unknown): unknown => {
    if (!isSecret(key) || !canBeSecret(member)) return member;
    hidden += 1;
    return DOTS;
  };
  const text = JSON.stringify(value, cover);
  return hidden > 0 ? text : undefined;
};

const canBeSecret = (value: unknown): boolean =>
  value !== undefined && value !== null && typeof value !== 'boolean';
