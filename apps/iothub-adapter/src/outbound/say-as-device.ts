import type { JsonObject } from '@muster/contracts';
import type { Uplink } from '@muster/uplink';

/** At `{extension}/{path}` of the device with this token. */
export type SayAsDevice = (token: string, path: readonly string[], body: JsonObject) => Promise<void>;

/** What a device says, or is as good as said by it. */
export const sayAsDevice =
  (uplink: Pick<Uplink, 'questions' | 'answer' | 'arrival'>): SayAsDevice =>
  async (token, [extension = '', ...path], body) => {
    const device = await uplink.questions.admitOnRecord(token);
    if (!device.admitted) return;
    await uplink.answer({
      device,
      topic: { appVersion: device.entry.appVersion, extension, path, requestId: undefined },
      payload: Buffer.from(JSON.stringify(body)),
      arrivedAt: uplink.arrival(),
      redelivered: false,
      duplicate: false,
      isWanted: () => true,
      whenAway: 'wait',
    });
  };
