import { expect } from '@jest/globals';
import { eventually, type ApiAnswer, type Platform } from '@muster/testing';

/** The job that an answer has started, as the list of jobs has it when it has ended. */
export const endedJob = (platform: Platform, { status, body, headers }: ApiAnswer): Promise<unknown> => {
  expect([status, body]).toEqual([202, { jobId: expect.any(String) as unknown }]);
  const { jobId } = body as { jobId: string };
  expect(headers.get('location')).toBe(`/api/v1/jobs/${jobId}`);
  return eventually(
    async () => {
      const answer = await platform.api('GET', `/jobs/${jobId}`);
      if ((answer.body as { endedAt?: string }).endedAt === undefined)
        throw new Error(JSON.stringify(answer));
      return answer.body;
    },
    { deadlineMs: 30_000, what: 'the job has ended' },
  );
};

/** A firmware of the type `main`, suspended as every new one; returns its path below `/api/v1`. */
export const uploadFirmware = async (
  platform: Platform,
  version: string,
  upgradableFrom: string,
): Promise<string> => {
  const field = (name: string, value: string) =>
    `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const file = `--x\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n\r\nbytes\r\n--x--\r\n`;
  const form =
    field('firmwareType', 'main') +
    field('version', version) +
    field('upgradableFrom', upgradableFrom) +
    file;
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  const uploaded = await platform.api('POST', '/firmwares', form, headers);
  expect(uploaded.status).toBe(201);
  return `/firmwares/${(uploaded.body as { id: string }).id}`;
};
