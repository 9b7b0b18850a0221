import { readProblem, Refused } from './problem.js';

/**
 * POSTs what may take minutes to send, and gives what was answered; `onSent` hears how much has gone out, from 0 to 1, of which
 * fetch tells nobody. Throws `Refused`, and what fetch throws where nobody answers.
 */
export const sendBody = (
  path: string,
  {
    body,
    headers,
    onSent,
  }: {
    readonly body: File | FormData;
    readonly headers: Readonly<Record<string, string>>;
    readonly onSent: (share: number) => void;
  },
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onSent(total === 0 ? 0 : loaded / total);
    request.onload = () => {
      const { status } = request;
      const answer = readJson(request.responseText);
      if (status >= 200 && status < 300 && answer !== undefined) resolve(answer);
      else reject(new Refused(readProblem(answer, status)));
    };
    request.onerror = () => reject(new TypeError('network error'));
    request.send(body);
  });

/** Undefined: it is none, as the page of a proxy. */
const readJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};
