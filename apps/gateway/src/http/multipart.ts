import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import busboy from 'busboy';
import { AppError } from '@muster/contracts';
import { textFault } from '@muster/json';

export interface FormFile {
  /** Its name at the sender's; the last part of a path. */
  readonly name: string;
  /** To be read once. Read to its end or not, the caller need not destroy it. */
  readonly stream: Readable;
}

/** The fields before the file: name → its values, in order. */
export type FormFields = ReadonlyMap<string, readonly string[]>;

/** More than any form of ours has; what is above is refused, not cut off. */
const LIMITS = { files: 1, fields: 1_000, fieldSize: 4_096, fieldNameSize: 100, headerPairs: 20 };

/**
 * Reads a `multipart/form-data` body whose one file is the field `file` and comes last. `receive` gets the stream while it
 * arrives, at the pace at which it reads, after all fields are known: a form that is refused for its fields is refused before
 * its file is stored. Throws `invalid-request` (its order or shape, or the sender has gone) and what `receive` throws.
 * Resolves when the whole form has been read; `undo` takes back what `receive` did when it turns out then to be none.
 */
export const receiveForm = async <Received>(
  request: IncomingMessage,
  receive: (fields: FormFields, file: FormFile) => Promise<Received>,
  undo: (received: Received) => Promise<void>,
): Promise<Received> => {
  let parser: busboy.Busboy;
  try {
    parser = busboy({ headers: request.headers, limits: LIMITS, defParamCharset: 'utf8' });
  } catch (error) {
    throw invalid('The form cannot be read: it has no boundary.', error);
  }
  const fields = new Map<string, string[]>();
  let receiving: Promise<Received> | undefined;
  let broken: Error | undefined;

  const read = new Promise<void>((resolve, reject) => {
    parser.on('field', (name, value, { nameTruncated, valueTruncated }) => {
      const wrong = wrongText(name) ?? wrongText(value);
      if (wrong !== undefined) reject(invalid(`The field "${name}" ${wrong}.`));
      else if (nameTruncated || valueTruncated) {
        reject(invalid(`A field may have at most ${LIMITS.fieldSize} bytes.`));
      } else if (receiving !== undefined) {
        reject(invalid(`The field "${name}" comes after the file: send the file last.`));
      } else fields.set(name, [...(fields.get(name) ?? []), value]);
    });
    parser.on('file', (field, stream, { filename = '' }) => {
      // A stream nobody listens to would throw when the sender goes away.
      stream.on('error', () => undefined);
      const wrong = wrongText(filename);
      if (field !== 'file' || wrong !== undefined) {
        stream.resume();
        reject(
          invalid(
            wrong === undefined
              ? `The file must be in the field "file", not in "${field}".`
              : `The name of the file ${wrong}.`,
          ),
        );
        return;
      }
      receiving = receive(fields, { name: filename, stream });
      receiving.catch(reject);
    });
    parser.on('filesLimit', () => reject(invalid('There must be one file.')));
    parser.on('fieldsLimit', () => reject(invalid('There are too many fields.')));
    parser.on('error', (error) => reject(invalid('The form cannot be read.', error)));
    parser.on('close', resolve);
    // The sender went away: the parser would wait for the rest for ever, and so would `receive`.
    request.on('error', (error) => parser.destroy(error));
    request.on('close', () => {
      if (!request.complete) parser.destroy(new Error('the request was broken off'));
    });
  });
  request.pipe(parser);
  try {
    await read;
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    // What still comes is read and thrown away while the answer goes out: a sender that only writes would not see it.
    request.unpipe(parser);
    request.resume();
    parser.destroy();
  }
  if (receiving === undefined) throw broken ?? invalid('The form has no file in the field "file".');
  if (broken === undefined) return receiving;
  const received = await receiving.then(
    (done) => ({ done }),
    () => undefined,
  );
  if (received !== undefined) await undo(received.done);
  throw broken;
};

/** The parser puts U+FFFD in the place of bytes that are no UTF-8. */
const wrongText = (text: string): string | undefined => {
  if (text.includes('\uFFFD')) return 'must be UTF-8 text';
  const character = textFault(text);
  return character === undefined ? undefined : `must not contain ${character}`;
};

const invalid = (detail: string, cause?: unknown): AppError =>
  new AppError('invalid-request', detail, { cause });
