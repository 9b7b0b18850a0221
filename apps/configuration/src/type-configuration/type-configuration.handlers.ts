import { setImmediate as pause } from 'node:timers/promises';
import { Controller, Inject } from '@nestjs/common';
import { AppError, type FieldError, type JsonObject, type JsonValue } from '@muster/contracts';
import {
  changeDefaults,
  editTypeConfiguration,
  getTypeConfiguration,
  type ChangeDefaults,
  type DefaultsChanged,
  type EditTypeConfiguration,
  type GetTypeConfiguration,
  type TypeConfigurationEdit,
  type TypeConfigurationView,
} from '@muster/contracts/configuration/type-configuration.requests';
import {
  checkValues,
  type CheckedValues,
  type CheckValues,
  type RefusedValues,
} from '@muster/contracts/configuration/campaign.requests';
import { getDeviceType, type DeviceTypeView } from '@muster/contracts/device-registry/device-types.requests';
import type { Database, EventStore } from '@muster/event-store';
import { Jobs } from '@muster/jobs';
import { Handles, type Bus } from '@muster/messaging';
import { BUS, DATABASE, EVENT_STORE } from '@muster/service-host';
import { CEILINGS } from '../providers.js';
import { assertAcceptable, type Limits } from '../desired/acceptable-values.js';
import { sizeOf } from '../device-configuration/config-id.js';
import { DEFAULTS_JOB, type DefaultsJobParams } from './defaults-job.js';
import { changeDefaultsAlone } from './defaults-lock.js';
import { MAX_BYTES, typeConfiguration, type TypeConfiguration } from './type-configuration.decider.js';
import { limitsOf, valueChecks } from './type-rules.js';
import { faultsOfSchema } from './value-schema.js';

@Controller()
export class TypeConfigurationHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(BUS) private readonly bus: Bus,
    @Inject(Jobs) private readonly jobs: Jobs,
    @Inject(CEILINGS) private readonly ceilings: Limits,
  ) {}

  @Handles(getTypeConfiguration)
  async get({ tenantId, deviceType }: GetTypeConfiguration): Promise<TypeConfigurationView> {
    const { id } = await this.bus.request(getDeviceType, { tenantId, deviceType });
    const { state } = await this.store.load(typeConfiguration, tenantId, id);
    return this.viewOf(id, state);
  }

  @Handles(checkValues)
  async check({ tenantId, deviceTypes, desired }: CheckValues): Promise<CheckedValues> {
    const refused: RefusedValues[] = [];
    for (const deviceType of deviceTypes) {
      const type = await this.typeNamed(tenantId, deviceType);
      if (type === undefined) continue;
      const { state } = await this.store.load(typeConfiguration, tenantId, type.id);
      const faultsOf = valueChecks(state);
      const errors = Object.entries(desired).flatMap(([key, value]) =>
        value === null ? [] : faultsOf(key, value).map(({ path, message }) => ({ path, message })),
      );
      if (errors.length > 0) refused.push({ deviceType, errors });
    }
    return { refused };
  }

  private async typeNamed(tenantId: string, deviceType: string): Promise<DeviceTypeView | undefined> {
    try {
      return await this.bus.request(getDeviceType, { tenantId, deviceType });
    } catch (error) {
      if (error instanceof AppError && error.code === 'device-type-not-found') return undefined;
      throw error;
    }
  }

  @Handles(editTypeConfiguration)
  async edit(request: EditTypeConfiguration): Promise<TypeConfigurationView> {
    const { tenantId, actor, deviceType, edit, expectedVersion } = request;
    await assertKeys(edit);
    const { id } = await this.bus.request(getDeviceType, { tenantId, deviceType });
    const { state } = await this.database.transaction(async (tx) => {
      await changeDefaultsAlone(tx, tenantId);
      return this.store.execute(typeConfiguration, {
        tenantId,
        id,
        command: { type: 'EditRules', edit, ...this.change(expectedVersion) },
        metadata: { actor },
        within: tx,
      });
    });
    return this.viewOf(id, state);
  }

  @Handles(changeDefaults)
  async changeDefaults(request: ChangeDefaults): Promise<DefaultsChanged> {
    const { tenantId, actor, mode, defaults, appVersion, expectedVersion } = request;
    const type = await this.bus.request(getDeviceType, { tenantId, deviceType: request.deviceType });
    assertAppVersion(type, appVersion);
    return this.database.transaction(async (tx) => {
      await changeDefaultsAlone(tx, tenantId);
      const { state, events } = await this.store.execute(typeConfiguration, {
        tenantId,
        id: type.id,
        command: {
          type: 'ChangeTypeDefaults',
          appVersion: appVersion ?? null,
          mode,
          defaults,
          ...this.change(expectedVersion),
        },
        metadata: { actor },
        within: tx,
      });
      if (events.length === 0) return { version: state.version, jobId: null };
      const params: DefaultsJobParams = {
        deviceTypeId: type.id,
        ...(appVersion === undefined ? {} : { appVersion }),
      };
      const jobId = await this.jobs.start(tx, { tenantId, kind: DEFAULTS_JOB, params, actor });
      return { version: state.version, jobId };
    });
  }

  private change(expectedVersion: number | undefined) {
    return {
      ceilings: this.ceilings,
      checkOf: valueChecks,
      at: new Date().toISOString(),
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
    };
  }

  private viewOf(deviceTypeId: string, state: TypeConfiguration): TypeConfigurationView {
    const { version, keys, undeclaredKeys, defaults, appVersions } = state;
    return {
      deviceTypeId,
      version,
      keys: { ...keys },
      undeclaredKeys,
      limits: { ...limitsOf(state, this.ceilings) },
      defaults,
      appVersions: { ...appVersions },
    };
  }
}

const assertAppVersion = ({ name, appVersions }: DeviceTypeView, appVersion: string | undefined): void => {
  if (appVersion === undefined || appVersions.some((one) => one.name === appVersion)) return;
  throw new AppError(
    'app-version-not-found',
    `The device type ${name} has no application version "${appVersion}".`,
  );
};

/**
 * Keys and schemas as they come in, which the contract knows only as an object. To compile thousands of schemas takes
 * seconds, in which the process would answer nobody else: hence the size first, and a pause after each key.
 */
const assertKeys = async (edit: TypeConfigurationEdit): Promise<void> => {
  const keys = edit.keys ?? {};
  const bytes = sizeOf(keys as JsonObject); // it came as JSON
  if (bytes > MAX_BYTES) {
    throw new AppError(
      'configuration-too-large',
      `keys has ${bytes} bytes; at most ${MAX_BYTES} are allowed.`,
    );
  }
  assertAcceptable(Object.fromEntries(Object.keys(keys).map((key) => [key, true])), 'keys');
  const errors: FieldError[] = [];
  for (const [key, rule] of Object.entries(keys)) {
    errors.push(...faultsOfKey(`keys.${key}`, rule));
    await pause();
  }
  if (errors.length === 0) return;
  throw new AppError('invalid-configuration', errors.map((e) => `${e.path} ${e.message}`).join('; '), {
    errors,
  });
};

const faultsOfKey = (path: string, rule: unknown): readonly FieldError[] => {
  if (rule === null) return [];
  if (typeof rule !== 'object' || Array.isArray(rule) || Object.keys(rule).join() !== 'schema') {
    return [{ path, message: 'must be {schema}, or null to remove it' }];
  }
  const { schema } = rule as { readonly schema: JsonValue }; // it came as JSON
  return faultsOfSchema(schema).map((fault) => ({ ...fault, path: `${path}.schema${fault.path}` }));
};
