import { AppError, newId, tokenHint, type Actor } from '@muster/contracts';
import { ImportRow, type ImportLine } from '@muster/contracts/device-registry/imports.requests';
import type { DeviceTypeView } from '@muster/contracts/device-registry/device-types.requests';
import type { BulkOutcome, EventStore } from '@muster/event-store';
import { invalidFields } from '@muster/messaging';
import type pg from 'pg';
import type { Device } from '../device/device-state.js';
import { device, type DeviceCommand } from '../device/device.decider.js';
import type { DeviceEvent } from '../device/device.events.js';
import { holdFolders } from '../folder/folder-tree.js';
import { assertInHub } from '../iot-hub/known-hubs.js';
import { assertServed, provisionCommand } from '../device/provision-command.js';
import type { Rules } from '../providers.js';
import { keepTokenTexts, newTokenText, tokenTextFor } from '../token/token-text.js';
import { knownToRows, type KnownDevice, type KnownToRows } from './known-to-rows.js';
import type { RowResult } from './import-tables.js';

interface Context {
  readonly store: EventStore;
  readonly rules: Rules;
  readonly tenantId: string;
  readonly actor: Actor;
}

/** What is to be done for a row. */
interface Intent {
  readonly line: number;
  readonly deviceId: string;
  readonly name: string;
  readonly isNew: boolean;
  /** Name. */
  readonly deviceType: string;
  readonly command: DeviceCommand;
  /** The one that the device is put into. */
  readonly folder?: string;
  /** A token that is issued with it. */
  readonly token?: { readonly tokenId: string; readonly text: string; readonly isGenerated: boolean };
}

/**
 * Does the rows in their order, with one append for all of them: a device that an earlier row has made is there for a later one.
 * One result per row. Rejects where somebody has taken a name, a serial number or a token in this very moment: the chunk is then
 * done again, and finds it taken.
 */
export const importRows = async (
  tx: pg.PoolClient,
  context: Context,
  lines: readonly ImportLine[],
): Promise<readonly RowResult[]> => {
  const { store, tenantId, actor } = context;
  const at = new Date().toISOString();
  const failed: RowResult[] = [];
  const valid = lines.flatMap((line) => {
    const [fault] = invalidFields(ImportRow, line.row, 'refuse');
    if (fault === undefined) return [{ line: line.line, row: Object.assign(new ImportRow(), line.row) }];
    const what = fault.path === '' ? 'The row' : fault.path;
    failed.push(failure(line.line, new AppError('invalid-request', `${what} ${fault.message}`)));
    return [];
  });
  const known = await knownToRows(
    tx,
    tenantId,
    valid.map(({ row }) => row),
  );
  const intents = valid.flatMap(({ line, row }): Intent[] => {
    try {
      return [intentOf(context, known, { line, row, at })];
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      failed.push(failure(line, error, row.name));
      return [];
    }
  });
  const outcomes = await store.executeMany(
    device,
    intents.map(({ deviceId: id, command }) => ({ tenantId, id, command, metadata: { actor } })),
    { within: tx, onConflict: 'give-up' },
  );
  await keepTokenTexts(
    tx,
    intents.flatMap(({ deviceId, token }, nth) =>
      token !== undefined && outcomes[nth]?.error === undefined
        ? [{ tenantId, deviceId, tokenId: token.tokenId, text: token.text }]
        : [],
    ),
  );
  await holdFolders(
    tx,
    store,
    { tenantId, actor },
    intents.flatMap(({ folder }, nth) =>
      folder !== undefined && outcomes[nth]?.error === undefined ? [folder] : [],
    ),
  );
  return [...failed, ...intents.map((intent, nth) => resultOf(intent, outcomes[nth]))];
};

const intentOf = (
  { rules }: Context,
  known: KnownToRows,
  { line, row, at }: { readonly line: number; readonly row: ImportRow; readonly at: string },
): Intent => {
  const meant = known.deviceOf(row);
  return meant === undefined
    ? creation(rules, known, line, row, at)
    : change(rules, known, line, row, meant, at);
};

const creation = (rules: Rules, known: KnownToRows, line: number, row: ImportRow, at: string): Intent => {
  const { name, deviceType } = row;
  if (name === undefined)
    throw wrong('name', 'is missing: there is no such device yet, and a new one needs it');
  if (deviceType === undefined) throw wrong('deviceType', 'is missing: a new device needs it');
  const type = known.typeOf(deviceType);
  if (type === undefined)
    throw new AppError('device-type-not-found', `There is no device type "${deviceType}".`);
  const deviceId = newId();
  const token = tokenFor(known, deviceId, type, row) ?? {
    tokenId: newId(),
    text: newTokenText(),
    isGenerated: true,
  };
  assertInHub(known.hasHub, row.interface ?? 'mqtt', type.id, token.text);
  const parentId = known.parentOf(deviceId, row) ?? null;
  const command = provisionCommand(type, { ...row, name, parentId }, rules, {
    token: { tokenId: token.tokenId, hint: tokenHint(token.text) },
    credential: null,
    at,
  });
  known.learnNew({ id: deviceId, name, serialNumber: row.serialNumber ?? null, type, by: command.interface });
  return {
    line,
    deviceId,
    name,
    isNew: true,
    deviceType: type.name,
    command,
    folder: command.folder,
    token,
  };
};

const change = (
  rules: Rules,
  known: KnownToRows,
  line: number,
  row: ImportRow,
  meant: KnownDevice,
  at: string,
): Intent => {
  const { id: deviceId, type } = meant;
  const { name, serialNumber, folder, tags, position, metadata } = row;
  if (row.deviceType !== undefined && row.deviceType !== type.id && row.deviceType !== type.name) {
    throw wrong('deviceType', `is ${type.name}: the type of a device cannot be changed`);
  }
  if (row.interface !== undefined && row.interface !== meant.by) {
    assertServed(rules, row.interface);
    assertInHub(known.hasHub, row.interface, type.id, undefined);
  }
  const token = tokenFor(known, deviceId, type, row);
  const parentId = known.parentOf(deviceId, row);
  const appVersion = row.appVersion === undefined ? undefined : known.appVersionOf(row.appVersion);
  known.learn({
    ...meant,
    by: row.interface ?? meant.by,
    name: name ?? meant.name,
    serialNumber: serialNumber === undefined ? meant.serialNumber : serialNumber,
  });
  const command: DeviceCommand = {
    type: 'ApplyRow',
    edit: { name, appVersion, interface: row.interface, folder, tags, serialNumber, position, parentId },
    ...(metadata === undefined ? {} : { metadata }),
    ...(token === undefined ? {} : { token: { tokenId: token.tokenId, hint: tokenHint(token.text) } }),
    at,
  };
  return {
    line,
    deviceId,
    name: name ?? meant.name,
    isNew: false,
    deviceType: type.name,
    command,
    ...(folder === undefined ? {} : { folder }),
    ...(token === undefined ? {} : { token }),
  };
};

/** The token that a row asks for, if the device does not have it. Throws `token-taken`, `invalid-request`. */
const tokenFor = (
  known: KnownToRows,
  deviceId: string,
  type: DeviceTypeView,
  { token: given }: ImportRow,
): Intent['token'] => {
  if (given == null || known.hasToken(deviceId, given)) return undefined;
  const text = tokenTextFor(type.settings, given, 'token');
  known.takeToken(deviceId, text);
  return { tokenId: newId(), text, isGenerated: false };
};

const resultOf = (
  { line, deviceId, name, isNew, deviceType, token }: Intent,
  outcome: BulkOutcome<Device, DeviceEvent> | undefined,
): RowResult => {
  if (outcome === undefined) throw new Error('a row has no outcome');
  if (outcome.error !== undefined) return failure(line, outcome.error, name);
  const happened = isNew ? 'created' : outcome.events.length === 0 ? 'unchanged' : 'updated';
  const tokenId = token?.isGenerated === true ? token.tokenId : undefined;
  return { line, outcome: happened, deviceId, name, deviceType, tokenId };
};

const failure = (line: number, { code, detail }: AppError, name?: string): RowResult => ({
  line,
  outcome: 'failed',
  name,
  code,
  detail,
});

const wrong = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
