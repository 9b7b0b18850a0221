import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const here = resolve(import.meta.dirname, '../../../src');
const sources = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file) && !/\.(spec|fixture)\.ts$/.test(file))
  .map((file) => ({ file, text: readFileSync(join(here, file), 'utf8') }));
const { paths } = JSON.parse(readFileSync(resolve(here, '../../../docs/openapi.json'), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId?: string }>>>>;
};
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).flatMap(([method, { operationId }]) =>
    operationId === undefined ? [] : [{ operationId, method: method.toUpperCase(), path }],
  ),
);

/** Not by the generated client: files and streams. Operation → where, and by what text. */
const BY_ADDRESS: Readonly<Record<string, readonly [file: string, text: string]>> = {
  followStream: ['api/stream.ts', 'fetch(`/api/v1/stream?'],
  importDevices: ['imports/send-file.ts', 'sendBody(`/api/v1/devices/import'],
  exportDevices: ['devices/devices.page.tsx', '/api/v1/exports/devices?'],
  exportTelemetry: ['device/telemetry.queries.ts', '/telemetry/export?'],
  uploadFirmware: ['firmware/firmware.page.tsx', "sendBody('/api/v1/firmwares', {"],
  downloadFile: ['device/files.tab.tsx', 'href={`/api/v1/devices/${encodeURIComponent(id)}/files/'],
};

/** What it answers or does is had by another operation that is called. */
const HAD_BY: Readonly<Record<string, string>> = {
  listAppVersions: 'getDeviceType',
  getAppVersion: 'getDeviceType',
  getGroup: 'listGroups',
  getFolder: 'listFolders',
  getMetadata: 'getDevice',
  getMetadataKey: 'getDevice',
  changeMetadata: 'setMetadataKey',
  getToken: 'listTokens',
  getCredential: 'listCredentials',
  getCertificateAuthority: 'listCertificateAuthorities',
  getClaimKey: 'listClaimKeys',
  getCommand: 'listCommands',
  getFirmware: 'listFirmwares',
  getDownloadToken: 'listDownloadTokens',
};

/** A page says which call does it. */
const NAMED: Readonly<Record<string, string>> = {
  eraseConfigurationHistory: 'device/device.page.tsx',
};

const isCalled = (method: string, path: string): boolean => {
  const call = new RegExp(`api\\.${method}\\(\\s*'${path.replaceAll(/[{}./]/g, '\\$&')}'`);
  return sources.some(({ text }) => call.test(text));
};
const textOf = (wanted: string): string => sources.find(({ file }) => file === wanted)?.text ?? '';

describe('everything that REST can do', () => {
  it('can be done in the console, or a page says which call does it', () => {
    const listed = [...Object.keys(BY_ADDRESS), ...Object.keys(HAD_BY), ...Object.keys(NAMED)];
    const missing = operations
      .filter(({ method, path, operationId }) => !isCalled(method, path) && !listed.includes(operationId))
      .map(({ method, path }) => `${method} ${path}`);
    expect(missing).toEqual([]);
  });

  it('is on no list of exceptions without need', () => {
    const of = (wanted: string) => operations.find(({ operationId }) => operationId === wanted);
    const unknown = [...Object.keys(BY_ADDRESS), ...Object.keys(HAD_BY), ...Object.keys(NAMED)].filter(
      (operationId) => {
        const operation = of(operationId);
        return operation === undefined || isCalled(operation.method, operation.path);
      },
    );
    expect(unknown).toEqual([]);
    for (const [operationId, [file, text]] of Object.entries(BY_ADDRESS)) {
      expect([operationId, textOf(file).includes(text)]).toEqual([operationId, true]);
    }
    for (const [operationId, by] of Object.entries(HAD_BY)) {
      const operation = of(by);
      expect([operationId, operation !== undefined && isCalled(operation.method, operation.path)]).toEqual([
        operationId,
        true,
      ]);
    }
    for (const [operationId, file] of Object.entries(NAMED)) {
      const { method = '', path = '' } = of(operationId) ?? {};
      expect(textOf(file)).toContain(`${method} ${path}`);
    }
  });
});
