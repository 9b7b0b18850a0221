import { describe, expect, it } from '@jest/globals';
import { deviceAsyncApi } from './asyncapi.js';
import { decodeCommandRequest, decodeCommandResults } from './commands.js';
import { decodeAppliedConfiguration, decodeConfigurationRequest } from './configuration.js';
import { decodeMetadataDeletion, decodeMetadataRequest, decodeMetadataUpdate } from './metadata.js';
import { matchResource, RESOURCES, type ResourceName } from './resources.js';
import { decodeStateReport } from './state.js';
import { decodePlainTelemetry, decodeTelemetry } from './telemetry.js';
import { parseTopic } from './topic.js';

const DECODERS: Partial<Record<ResourceName, (payload: Uint8Array) => unknown>> = {
  telemetry: (payload) => decodeTelemetry(payload),
  'telemetry-plain': (payload) => decodePlainTelemetry('temperature', payload),
  metadata: decodeMetadataRequest,
  'metadata-replace': decodeMetadataUpdate,
  'metadata-merge': decodeMetadataUpdate,
  'metadata-delete': decodeMetadataDeletion,
  commands: decodeCommandRequest,
  'commands-of-type': decodeCommandRequest,
  'command-results': decodeCommandResults,
  configuration: decodeConfigurationRequest,
  'configuration-applied': decodeAppliedConfiguration,
  'state-report': decodeStateReport,
  software: decodeConfigurationRequest,
  'software-applied': decodeAppliedConfiguration,
};

interface Channel {
  readonly address: string;
  readonly messages: { readonly message: { readonly examples?: readonly { readonly payload: unknown }[] } };
}

describe('the AsyncAPI document', () => {
  const { channels, operations } = deviceAsyncApi() as {
    channels: Readonly<Record<string, Channel>>;
    operations: Readonly<Record<string, { readonly channel: { readonly $ref: string } }>>;
  };

  it.each(RESOURCES.map(({ name }) => name))('has an address of %s that is read as that resource', (name) => {
    const address = channels[name]?.address
      .replace('{requestId}', '42')
      .replaceAll(/\{(\w+)\}/g, (_all, parameter: string) => parameter);
    const topic = parseTopic(address ?? '');
    expect(topic?.requestId).toBe('42');
    expect(topic === undefined ? undefined : matchResource(topic)?.resource.name).toBe(name);
  });

  it.each(Object.keys(DECODERS) as ResourceName[])('has an example of %s that is accepted', (name) => {
    const payload = channels[name]?.messages.message.examples?.[0]?.payload;
    expect(payload).toBeDefined();
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    expect(() => DECODERS[name]?.(new TextEncoder().encode(text))).not.toThrow();
  });

  it('has a channel for every operation, and pushes without a request id', () => {
    for (const { channel } of Object.values(operations)) {
      expect(channels).toHaveProperty([channel.$ref.replace('#/channels/', '')]);
    }
    const pushes = Object.entries(channels).filter(([key]) => key.endsWith('.push'));
    expect(pushes.map(([, { address }]) => address)).toEqual([
      'kp1/{appVersion}/cex/{token}/command/{type}/status',
      'kp1/{appVersion}/cmx/{token}/config/json/status',
      'kp1/{appVersion}/cmx_ota/{token}/config/json/status',
      'kp1/{appVersion}/cmx_ota/{token}/config/json/{name}/status',
    ]);
  });
});
