import type { Platform } from '@muster/testing';
import { apply, makeDevices, say } from './browser.fixture.js';

/** Would ask for an image and run a script, were it not shown as text. */
export const MARKUP = '<img src=x onerror=fault()>';

const TYPE = 'markup';
const TOKEN = 'markup-device';

/** A device of which everything that may be called or said anything is markup; its id. */
export const markedDevice = async (platform: Platform): Promise<string> => {
  const made = await makeDevices(platform, TYPE, [MARKUP, TOKEN]);
  const id = made.get(TOKEN) ?? '';
  const done = [
    await platform.api('PATCH', `/devices/${id}`, {
      name: `${MARKUP} itself`,
      serialNumber: MARKUP,
    }),
    await platform.api('PATCH', `/devices/${id}/metadata`, { note: MARKUP }),
    await platform.api('PATCH', `/devices/${id}/configuration/desired`, { note: MARKUP }),
    await platform.api('POST', `/devices/${id}/commands`, { type: 'say', payload: MARKUP }),
    await platform.api('POST', '/claim-keys', { name: MARKUP, deviceType: TYPE }),
    await platform.api('POST', '/groups', { name: TYPE, filter: 'name==none', description: MARKUP }),
    await platform.api('POST', '/supervisions', {
      ...{ name: MARKUP, target: { deviceIds: [id] }, configurations: { note: 'other' } },
    }),
    await platform.api('POST', '/campaigns', {
      ...{
        name: MARKUP,
        description: MARKUP,
        target: { deviceIds: [id] },
        configurations: { note: MARKUP },
      },
    }),
  ];
  const refused = done.filter(({ status }) => status >= 300);
  if (refused.length > 0) throw new Error(JSON.stringify(refused));
  await say(platform, TYPE, TOKEN, ['dcx', 'json'], {
    [MARKUP]: MARKUP,
    temperatureOfTheSecondCircuitInDegreesCelsius: 21.5,
  });
  await apply(platform, TYPE, TOKEN, [400, MARKUP]);
  const { token } = await say(platform, TYPE, TOKEN, ['bcx', 'token'], {});
  const file = `binary-data?name=${encodeURIComponent(MARKUP)}`;
  const uploaded = await fetch(`${platform.devicesUrl}/bcx/api/v1/${file}`, {
    ...{ method: 'POST', headers: { 'x-auth-token': String(token) }, body: 'a file' },
  });
  if (uploaded.status !== 201) throw new Error(`${uploaded.status} ${await uploaded.text()}`);
  return id;
};
