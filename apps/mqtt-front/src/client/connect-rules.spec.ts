import { describe, expect, it } from '@jest/globals';
import { brokerClientId, judgeConnect, MAX_CLIENT_ID_BYTES } from './connect-rules.js';

const judge = (packet: Parameters<typeof judgeConnect>[0], speaksFive = false) =>
  judgeConnect(packet, speaksFive, () => 'made');

describe('CONNECT', () => {
  it('without an id gets one, unless it wants a session', () => {
    expect(judge({ clientId: '', clean: true, protocolVersion: 4 })).toEqual({
      ok: true,
      clientId: 'made',
      isAssigned: true,
    });
    expect(judge({ clientId: '', clean: false, protocolVersion: 4 })).toMatchObject({
      refusal: 'bad-client-id',
    });
    expect(judge({ clientId: '', clean: true, protocolVersion: 3 })).toMatchObject({
      refusal: 'bad-client-id',
    });
    expect(judge({ clientId: '', clean: false, protocolVersion: 5 }, true)).toMatchObject({ ok: true });
  });

  it('of MQTT 5 is for brokers that speak it', () => {
    expect(judge({ clientId: 'a', clean: true, protocolVersion: 5 })).toMatchObject({
      refusal: 'bad-protocol',
    });
    expect(judge({ clientId: 'a', clean: true, protocolVersion: 5 }, true)).toMatchObject({ clientId: 'a' });
  });

  it('names one version of MQTT', () => {
    const named = (protocolId: 'MQTT' | 'MQIsdp', protocolVersion: 3 | 4) =>
      judge({ clientId: 'a', clean: true, protocolId, protocolVersion });
    expect([named('MQIsdp', 3), named('MQTT', 4)]).toMatchObject([{ ok: true }, { ok: true }]);
    for (const odd of [named('MQIsdp', 4), named('MQTT', 3)])
      expect(odd).toMatchObject({ refusal: 'bad-protocol' });
  });

  it('of MQTT 5 asks for no method by which to prove who it is', () => {
    const properties = { authenticationMethod: 'SCRAM-SHA-256' };
    expect(judge({ clientId: 'a', clean: true, protocolVersion: 5, properties }, true)).toMatchObject({
      refusal: 'bad-method',
    });
  });

  it('has an id of so many bytes, and of text', () => {
    const longest = 'ä'.repeat(MAX_CLIENT_ID_BYTES / 2);
    expect(judge({ clientId: longest, clean: true })).toMatchObject({ clientId: longest });
    expect(judge({ clientId: `${longest}x`, clean: true })).toMatchObject({ refusal: 'bad-client-id' });
    expect(judge({ clientId: 'a\nb', clean: true })).toMatchObject({ refusal: 'bad-client-id' });
  });
});

describe('the id at the broker', () => {
  it('begins with the device, so that nobody else has it, and fits into the name of a queue', () => {
    expect(brokerClientId('default', 'dev-1', 'mine')).toBe('default.dev-1.mine');
    const long = brokerClientId('t'.repeat(64), 'd'.repeat(64), 'c'.repeat(MAX_CLIENT_ID_BYTES));
    expect(Buffer.byteLength(`mqtt-subscription-${long}qos1`)).toBeLessThanOrEqual(255);
    expect(long).not.toBe(brokerClientId('t'.repeat(64), 'd'.repeat(64), 'x'.repeat(MAX_CLIENT_ID_BYTES)));
  });
});
