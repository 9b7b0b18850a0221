import { sendBody } from '../api/send-body.js';

/** What a file of devices is sent as, by its name; undefined: the platform does not take it. */
export const mediaTypeOf = (name: string): 'text/csv' | 'application/x-ndjson' | undefined => {
  const ending = /\.[^.]+$/.exec(name.toLowerCase())?.[0];
  if (ending === '.csv') return 'text/csv';
  return ending === '.ndjson' || ending === '.jsonl' ? 'application/x-ndjson' : undefined;
};

/** Begins the job; the browser reads the file while it sends it. Throws `Refused`, with the place where it cannot be read. */
export const sendFile = async (
  file: File,
  {
    dryRun,
    key,
    onSent,
  }: { readonly dryRun: boolean; readonly key: string; readonly onSent: (share: number) => void },
): Promise<string> => {
  const answer = await sendBody(`/api/v1/devices/import${dryRun ? '?dryRun=true' : ''}`, {
    body: file,
    headers: { 'content-type': mediaTypeOf(file.name) ?? 'text/csv', 'idempotency-key': key },
    onSent,
  });
  return (answer as { readonly jobId: string }).jobId;
};
