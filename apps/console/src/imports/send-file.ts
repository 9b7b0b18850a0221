import { readProblem, Refused } from '../api/problem.js';

/** What a file of devices is sent as, by its name; undefined: the platform does not take it. */
export const mediaTypeOf = (name: string): 'text/csv' | 'application/x-ndjson' | undefined => {
  const ending = /\.[^.]+$/.exec(name.toLowerCase())?.[0];
  if (ending === '.csv') return 'text/csv';
  return ending === '.ndjson' || ending === '.jsonl' ? 'application/x-ndjson' : undefined;
};

/** Begins the job; the browser reads the file while it sends it. Throws `Refused`, with the place where it cannot be read. */
export const sendFile = async (
  file: File,
  { dryRun, key }: { readonly dryRun: boolean; readonly key: string },
): Promise<string> => {
  const response = await fetch(`/api/v1/devices/import${dryRun ? '?dryRun=true' : ''}`, {
    method: 'POST',
    headers: { 'content-type': mediaTypeOf(file.name) ?? 'text/csv', 'idempotency-key': key },
    body: file,
  });
  const body = (await response.json().catch(() => undefined)) as { readonly jobId: string } | undefined;
  if (!response.ok || body === undefined) throw new Refused(readProblem(body, response.status));
  return body.jobId;
};
