import { MAX_FOLDER_DEPTH, rule } from '../fields.js';
import { wrongName } from '../names.js';

const MAX_FOLDER_NAME = 63;

const PATH_RULE = new RegExp(`^\\/$|^(\\/[^/\\s][^/]{0,${MAX_FOLDER_NAME - 1}}){1,${MAX_FOLDER_DEPTH}}$`);

const wrongFolder = (value: unknown): string | undefined => {
  if (typeof value !== 'string' || !PATH_RULE.test(value)) return 'must be a path such as /paris/building-2';
  const [wrong] =
    value === '/'
      ? []
      : value
          .slice(1)
          .split('/')
          .flatMap((name) => wrongName(name, MAX_FOLDER_NAME) ?? []);
  return wrong === undefined ? undefined : `must be a path of names: each ${wrong}`;
};

/** A path of names with `/` before each; `/` alone: in no folder. */
export const IsFolder = (): PropertyDecorator => rule('isFolder', wrongFolder, [PATH_RULE.source]);

export const IsFolderName = (): PropertyDecorator =>
  rule('isFolderName', (value) =>
    typeof value === 'string' && value.includes('/')
      ? 'must not contain /'
      : wrongName(value, MAX_FOLDER_NAME),
  );
