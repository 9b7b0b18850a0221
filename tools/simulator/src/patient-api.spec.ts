import { describe, expect, it } from '@jest/globals';
import { patientApi } from './patient-api.js';
import { ApiError, type PlatformApi } from './platform-api.js';

interface Asked {
  readonly method: string;
  readonly key: string | undefined;
}

/** An API that answers with these statuses in turn, and then well. */
const answering = (...statuses: readonly number[]) => {
  const asked: Asked[] = [];
  const said: string[] = [];
  const left = [...statuses];
  const api = ((method: string, _path: string, _body?: object, headers: Record<string, string> = {}) => {
    asked.push({ method, key: headers['idempotency-key'] });
    const status = left.shift();
    if (status !== undefined) return Promise.reject(new ApiError(status, '', `answers ${status}`));
    return Promise.resolve('done');
  }) as PlatformApi;
  const patient = patientApi(api, { firstPauseMs: 1, withinMs: 1_000, say: (text) => void said.push(text) });
  return { patient, asked, said };
};

describe('an API that is asked with patience', () => {
  it('is asked again after what passes, and a POST each time under the same key', async () => {
    const { patient, asked, said } = answering(503, 504, 0, 429, 502);
    expect(await patient('POST', '/devices', {})).toBe('done');
    expect(asked).toHaveLength(6);
    expect(new Set(asked.map(({ key }) => key)).size).toBe(1);
    expect(asked[0]?.key).toBeTruthy();
    expect(said).toHaveLength(5);
  });

  it('is asked once about what does not pass', async () => {
    for (const status of [400, 404, 409, 500]) {
      const { patient, asked } = answering(status);
      await expect(patient('PATCH', '/devices/d1', {})).rejects.toMatchObject({ status });
      expect(asked).toEqual([{ method: 'PATCH', key: undefined }]);
    }
  });

  it('is given up in the end, and at once when nobody waits any more', async () => {
    const away = new ApiError(503, '', 'away');
    let asked = 0;
    const api = (() => ((asked += 1), Promise.reject(away))) as PlatformApi;
    const say = (): void => undefined;
    await expect(patientApi(api, { firstPauseMs: 1, withinMs: 200, say })('GET', '/x')).rejects.toBe(away);
    expect(asked).toBeGreaterThan(2);
    asked = 0;
    const signal = AbortSignal.abort();
    await expect(patientApi(api, { signal, say })('GET', '/x')).rejects.toBe(away);
    expect(asked).toBe(1);
  });
});
