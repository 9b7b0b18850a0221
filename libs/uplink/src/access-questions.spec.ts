import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type { AccessPage, FindAccess } from '@muster/contracts/device-registry/access.requests';
import type { Bus } from '@muster/messaging';
import { AccessQuestions } from './access-questions.js';
import { DeviceDirectory } from './device-directory.js';

const known: AccessPage = {
  entries: [
    {
      tenantId: 'default',
      token: 'fresh',
      tokenId: 'id-fresh',
      tokenStatus: 'inactive',
      deviceId: 'd1',
      deviceTypeId: 'radiator',
      appVersion: 'v1',
      interface: 'mqtt',
      credentialKinds: ['token'],
      secretHashes: [],
    },
  ],
  types: [{ tenantId: 'default', deviceTypeId: 'radiator', appVersions: ['v1'], settings: {} }],
  nextCursor: null,
};

/** A registry that knows one token; `asked` holds every request. */
const registry = (fault?: AppError) => {
  const asked: FindAccess[] = [];
  const bus = {
    request: async (_contract: unknown, body: FindAccess) => {
      asked.push(body);
      if (fault !== undefined) throw fault;
      const isKnown = body.tokens?.includes('fresh') === true || body.deviceIds?.includes('d1') === true;
      return isKnown ? known : { entries: [], types: known.types, nextCursor: null };
    },
  } as Pick<Bus, 'request'>;
  return { asked, bus };
};

describe('asking for what memory does not know', () => {
  it('admits a device created a moment ago', async () => {
    const { bus } = registry();
    const questions = new AccessQuestions(new DeviceDirectory('mqtt'), bus);
    await expect(questions.admit('fresh', 'v1')).resolves.toMatchObject({ admitted: true });
  });

  it('asks once for what many ask for at the same time, all in one request', async () => {
    const { asked, bus } = registry();
    const questions = new AccessQuestions(new DeviceDirectory('mqtt'), bus);
    await Promise.all(['a', 'a', 'b', 'fresh'].map((token) => questions.admit(token, 'v1')));
    expect(asked).toEqual([{ tokens: ['a', 'b', 'fresh'], deviceTypeIds: [] }]);
  });

  it('believes a no for two seconds', async () => {
    const { asked, bus } = registry();
    let now = 0;
    const questions = new AccessQuestions(new DeviceDirectory('mqtt'), bus, () => now);
    await questions.admit('a', 'v1');
    await questions.admit('a', 'v1');
    expect(asked).toHaveLength(1);
    now = 2_001;
    await questions.admit('a', 'v1');
    expect(asked).toHaveLength(2);
  });

  it('does not take "could not ask" for a no', async () => {
    const { asked, bus } = registry(new AppError('unavailable', 'away'));
    const questions = new AccessQuestions(new DeviceDirectory('mqtt'), bus);
    await expect(questions.admit('a', 'v1')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(questions.admit('a', 'v1')).rejects.toMatchObject({ code: 'unavailable' });
    expect(asked).toHaveLength(2);
  });

  it('asks at most 500 at a time and refuses to let more than 2,000 wait', async () => {
    const { asked, bus } = registry();
    const questions = new AccessQuestions(new DeviceDirectory('mqtt'), bus);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 2_100 }, (_, index) => questions.admit(`t${index}`, 'v1')),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(100);
    expect(asked.map(({ tokens }) => tokens?.length)).toEqual([500, 500, 500, 500]);
  });

  it('learns of a device that an event names before memory knows it, and asks for a deleted one once', async () => {
    const { asked, bus } = registry();
    const directory = new DeviceDirectory('mqtt');
    const questions = new AccessQuestions(directory, bus, () => 0);
    await questions.learn(['d1', 'deleted', 'd1']);
    expect(directory.entriesOf('d1')).toHaveLength(1);
    await questions.learn(['d1', 'deleted']);
    expect(asked).toEqual([{ deviceIds: ['d1', 'deleted'] }]);
  });
});
