import { AppError } from '@muster/contracts';

/** What a service needs to be let in by a hub. */
export interface PolicyAccess {
  /** With a port, where it is not reached at the usual ones. */
  readonly hostName: string;
  readonly policy: string;
  /** Base64. */
  readonly key: string;
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*(:[1-9]\d{0,4})?$/i;
const POLICY = /^[A-Za-z0-9!#.+_@-]{1,64}$/;
const KEY = /^(?=.{4,256}$)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A service's connection string, as the Azure portal shows it. Throws `invalid-request` at `path`, which repeats nothing of it. */
export const readConnectionString = (text: string, path: string): PolicyAccess => {
  const parts = new Map<string, string>();
  for (const part of text.trim().split(';')) {
    if (part === '') continue;
    const at = part.indexOf('=');
    if (at < 1) throw refused(path, 'must be pairs of name=value with semicolons between');
    parts.set(part.slice(0, at).toLowerCase(), part.slice(at + 1));
  }
  if (parts.has('deviceid')) {
    throw refused(path, "must be a shared access policy's, and not a device's: it names a DeviceId");
  }
  const need = (name: string, rule: RegExp, what: string): string => {
    const value = parts.get(name.toLowerCase());
    if (value === undefined) throw refused(path, `must name a ${name}`);
    if (!rule.test(value)) throw refused(path, `must name a ${name} that is ${what}`);
    return value;
  };
  return {
    hostName: need('HostName', HOST_NAME, 'a host name, without scheme and path').toLowerCase(),
    policy: need('SharedAccessKeyName', POLICY, 'the name of a shared access policy'),
    key: need('SharedAccessKey', KEY, 'base64'),
  };
};

const refused = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}.`, { errors: [{ path, message }] });
