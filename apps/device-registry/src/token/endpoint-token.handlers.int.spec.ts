import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import { recordLastSeen } from '@muster/contracts/device-registry/connectivity.requests';
import { deleteDevice } from '@muster/contracts/device-registry/devices.requests';
import {
  deleteToken,
  editToken,
  getToken,
  issueToken,
  listTokens,
} from '@muster/contracts/device-registry/tokens.requests';
import { createEventStore } from '@muster/event-store';
import { eventually } from '@muster/testing';
import { device } from '../device/device.decider.js';
import {
  base,
  code,
  problem,
  tenantId,
  unique,
  startRegistry,
  type RunningRegistry,
} from '../running-registry.fixture.js';

let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

describe('tokens', () => {
  it('are issued, listed without their text, suspended, resumed and revoked', async () => {
    const type = await registry.createType();
    const made = await registry.provision({ deviceType: type.id });
    const request = { ...base, deviceId: made.id };
    const issued = await registry.bus.request(issueToken, request);
    expect(issued).toMatchObject({ status: 'inactive', hint: issued.token?.slice(0, 4) });
    const { items } = await registry.bus.request(listTokens, { tenantId, deviceId: made.id });
    expect(items.map((item) => item.hint)).toEqual([made.token.slice(0, 4), issued.hint]);
    expect(JSON.stringify(items)).not.toContain(made.token);
    const change = (status: 'active' | 'suspended' | 'revoked') =>
      registry.bus.request(editToken, { ...request, tokenId: issued.id, edit: { status } });
    for (const status of ['active', 'suspended', 'active', 'revoked', 'revoked'] as const) {
      expect((await change(status)).status).toBe(status);
    }
    expect(await code(change('active'))).toBe('token-status-final');
    expect((await registry.accessOf(made.id)).map((entry) => entry.tokenStatus)).toEqual(
      expect.arrayContaining(['inactive', 'revoked']),
    );
  });

  it('are listed in pages, read one by one, and removed when revoked; the text of a removed one stays taken', async () => {
    const type = await registry.createType();
    const { id: deviceId } = await registry.provision({ deviceType: type.id });
    const request = { ...base, deviceId };
    const issued = [];
    for (let n = 0; n < 3; n += 1) issued.push(await registry.bus.request(issueToken, request));
    const list = (more: object) => registry.bus.request(listTokens, { tenantId, deviceId, ...more });
    const first = await list({ limit: 3, count: true });
    expect(first).toMatchObject({ items: { length: 3 }, nextCursor: expect.any(String), total: 4 });
    const second = await list({ limit: 3, cursor: first.nextCursor ?? '' });
    expect(second).toEqual({ items: [expect.objectContaining({ id: issued[2]?.id })], nextCursor: null });
    expect(await code(list({ cursor: 'forged' }))).toBe('invalid-request');

    const { id: tokenId = '', token = '' } = issued[1] ?? {};
    const one = { ...request, tokenId };
    expect(await registry.bus.request(getToken, { tenantId, deviceId, tokenId })).toMatchObject({
      id: tokenId,
      status: 'inactive',
    });
    expect(await code(registry.bus.request(deleteToken, one))).toBe('token-not-revoked');
    await registry.bus.request(editToken, { ...one, edit: { status: 'revoked' } });
    await registry.bus.request(deleteToken, one);
    expect(await code(registry.bus.request(deleteToken, one))).toBe('token-not-found');
    expect(await code(registry.bus.request(getToken, { tenantId, deviceId, tokenId }))).toBe(
      'token-not-found',
    );
    expect(await list({ count: true })).toMatchObject({ total: 3 });
    expect(await code(registry.bus.request(issueToken, { ...request, token }))).toBe('token-taken');
    expect(await code(registry.bus.request(getToken, { tenantId, deviceId: 'nobody', tokenId }))).toBe(
      'device-not-found',
    );
  });

  it('open only within their time, which can be moved, and say when they were last used', async () => {
    const type = await registry.createType();
    const { id: deviceId } = await registry.provision({ deviceType: type.id });
    const request = { ...base, deviceId };
    const soon = new Date(Date.now() + 60_000).toISOString();
    const issued = await registry.bus.request(issueToken, { ...request, validUntil: soon });
    expect(issued).toMatchObject({ validUntil: soon });
    const one = { ...request, tokenId: issued.id };
    const entry = async () =>
      (await registry.accessOf(deviceId)).find(({ tokenId }) => tokenId === issued.id);
    expect(await entry()).toMatchObject({ validUntil: soon, tokenStatus: 'inactive' });
    const edit = { status: 'active', validFrom: '2026-01-01T00:00:00+01:00', validUntil: null } as const;
    const edited = await registry.bus.request(editToken, { ...one, edit });
    expect(edited).toMatchObject({ status: 'active', validFrom: '2025-12-31T23:00:00.000Z' });
    expect(edited).not.toHaveProperty('validUntil');
    const past = registry.bus.request(editToken, { ...one, edit: { validUntil: '2026-01-01T00:00:00Z' } });
    expect((await problem(past)).errors).toEqual([
      { path: 'edit.validUntil', message: 'must be in the future' },
    ]);
    const late = registry.bus.request(issueToken, { ...request, validUntil: '2026-01-01T00:00:00Z' });
    expect((await problem(late)).errors?.[0]?.path).toBe('validUntil');

    const at = new Date(Date.now() - 5_000).toISOString();
    const seen = { tenantId, deviceId, tokenId: issued.id, at };
    await registry.bus.request(recordLastSeen, { devices: [seen, { ...seen, tokenId: 'nobody' }] });
    const read = await registry.bus.request(getToken, { tenantId, deviceId, tokenId: issued.id });
    expect(read.lastUsedAt).toBe(at);

    const end = new Date(Date.now() + 1_000).toISOString();
    await registry.bus.request(editToken, { ...one, edit: { validUntil: end } });
    const store = createEventStore(registry.database);
    await eventually(
      async () =>
        (await store.readStream(tenantId, device, deviceId)).at(-1)?.type === 'EndpointTokenExpired',
      { what: 'its end is told', deadlineMs: 15_000 },
    );
  });

  it('refuses', async () => {
    const type = await registry.createType();
    const made = await registry.provision({ deviceType: type.id });
    const request = { ...base, deviceId: made.id };
    expect(await code(registry.bus.request(issueToken, { ...request, token: made.token }))).toBe(
      'token-taken',
    );
    const missing = { ...request, tokenId: newId(), edit: { status: 'active' as const } };
    expect(await code(registry.bus.request(editToken, missing))).toBe('token-not-found');
    expect(await code(registry.bus.request(editToken, { ...missing, deviceId: 'nobody' }))).toBe(
      'device-not-found',
    );
    const [idempotencyKey, token] = [newId(), unique('tok')];
    const first = await registry.bus.request(issueToken, { ...request, idempotencyKey, token });
    const { token: shown, ...again } = first;
    expect(shown).toBe(token);
    expect(await registry.bus.request(issueToken, { ...request, idempotencyKey, token })).toEqual(again);
    expect(await registry.keptReplies()).not.toContain(token);
    expect(await code(registry.bus.request(issueToken, { ...request, idempotencyKey }))).toBe(
      'idempotency-key-reused',
    );
  });

  it('are in no event', async () => {
    const type = await registry.createType();
    const made = await registry.provision({ deviceType: type.id });
    await registry.bus.request(deleteDevice, { ...base, deviceId: made.id });
    const { rows } = await registry.database.query<{ stored: string }>(
      `SELECT coalesce(string_agg(e::text, ''), '') || (SELECT coalesce(string_agg(s::text, ''), '') FROM streams s) AS stored
       FROM events e`,
    );
    expect(rows[0]?.stored).toContain(made.id);
    expect(rows[0]?.stored).not.toContain(made.token);
  });
});
