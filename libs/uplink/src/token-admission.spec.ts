import { describe, expect, it } from '@jest/globals';
import { AppError, type ErrorCode } from '@muster/contracts';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { parseTopic } from '@muster/kp1';
import { createLogger } from '@muster/observability';
import { BoundedLog } from './bounded-log.js';
import type { Admission } from './device-directory.js';
import { tokenAdmission } from './token-admission.js';

const entry: AccessEntry = {
  tenantId: 'default',
  token: 'tok1',
  tokenId: 'id-tok1',
  tokenStatus: 'active',
  deviceId: 'd1',
  deviceTypeId: 'radiator',
  appVersion: 'v1',
  interface: 'http',
  credentialKinds: ['secret'],
  secretHashes: [],
};
const known: Admission = { admitted: true, entry, settings: {} };

const scene = (find: () => Promise<Admission>) => {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    service: 'test',
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const admit = tokenAdmission({
    questions: { admit: find },
    refusals: new BoundedLog(logger),
    maxPayloadBytes: 100,
  });
  const topic = parseTopic('kp1/v1/dcx/tok1/json');
  if (topic === undefined) throw new Error('not a topic');
  return { lines, admit: (prove?: () => string | undefined, bytes = 2) => admit(topic, bytes, prove) };
};

describe('a token', () => {
  it('that may be used says whose it is', async () => {
    expect(await scene(async () => known).admit()).toEqual({ kind: 'admitted', device: known });
  });

  it('is not looked at when its message is too large, whatever that would find', async () => {
    const { admit } = scene(() => Promise.reject(new TypeError('a bug')));
    expect(await admit(undefined, 101)).toMatchObject({
      kind: 'refused',
      statusCode: 413,
      reasonPhrase: 'payload must have at most 100 bytes',
    });
    expect(await admit(undefined, 100)).toMatchObject({ kind: 'failed' });
  });

  it.each<[ErrorCode, number]>([
    ['token-unknown', 401],
    ['token-suspended', 403],
    ['app-version-not-found', 404],
  ])(
    'that may not is refused (%s), with a line in the log that does not hold it',
    async (code, statusCode) => {
      const { admit, lines } = scene(async () => ({ admitted: false, code, reason: 'why' }));
      expect(await admit()).toMatchObject({ kind: 'refused', statusCode, reasonPhrase: 'why' });
      expect(lines).toMatchObject([{ statusCode, reason: 'why', path: 'json' }]);
      expect(JSON.stringify(lines)).not.toContain('"tok1"');
    },
  );

  it('is not spoken of to whoever cannot prove whose it is', async () => {
    const of = { entry, settings: {} };
    const { admit } = scene(async () => ({ admitted: false, of, code: 'token-suspended', reason: 'why' }));
    expect(await admit()).toMatchObject({ statusCode: 403, reasonPhrase: 'why' });
    const stranger = () => {
      throw new AppError('unauthenticated', 'who are you');
    };
    expect(await admit(stranger)).toMatchObject({ statusCode: 401, reasonPhrase: 'who are you' });
  });

  it('is not enough where more is asked for, and the log names the device', async () => {
    const { admit, lines } = scene(async () => known);
    const outcome = await admit(() => {
      throw new AppError('unauthenticated', 'who are you');
    });
    expect(outcome).toMatchObject({ kind: 'refused', statusCode: 401, reasonPhrase: 'who are you' });
    expect(lines).toMatchObject([{ deviceId: 'd1' }]);
  });

  it.each<ErrorCode>(['unavailable', 'deadline-exceeded'])(
    'is undecided when nobody can say (%s)',
    async (code) => {
      const { admit, lines } = scene(() => Promise.reject(new AppError(code, 'away')));
      expect(await admit()).toMatchObject({ kind: 'undecided', cause: { code } });
      expect(lines).toEqual([]);
    },
  );

  it('fails by a fault of ours', async () => {
    expect(await scene(() => Promise.reject(new TypeError('a bug'))).admit()).toMatchObject({
      kind: 'failed',
    });
  });
});
