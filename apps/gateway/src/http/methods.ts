import type { Express, RequestHandler } from 'express';
import { AppError } from '@muster/contracts';

/** As far as we look into Express' table of routes; its types lack `match`. */
interface Layer {
  readonly route?: { readonly methods: Readonly<Record<string, boolean>> };
  match(path: string): boolean;
}

/**
 * A path that exists, asked by a method that it does not have, is 405 and says which it has; OPTIONS asks for just that. A
 * path that does not exist goes on, and ends as 404. Before bodies are read: what is wrong with one is no news to such a caller.
 */
export const checkMethod =
  (server: Express): RequestHandler =>
  (request, response, next): void => {
    const isPossible = request.method !== 'OPTIONS' && takes(server, request.method, request.path);
    const allowed = isPossible ? [] : methodsOf(server, request.path);
    if (allowed.length === 0) {
      next();
      return;
    }
    response.setHeader('allow', allowed.join(', '));
    if (request.method === 'OPTIONS') response.status(204).end();
    else next(notAllowed(request.method, allowed));
  };

export const notAllowed = (method: string, allowed: readonly string[]): AppError =>
  new AppError('method-not-allowed', `${method} is not possible here; ${allowed.join(', ')} are.`);

/** Nearly always true; so only the routes of this method are tried, and those up to the one that takes it. */
const takes = (server: Express, method: string, path: string): boolean => {
  const wanted = (method === 'HEAD' ? 'GET' : method).toLowerCase();
  return layersOf(server).some((layer) => layer.route?.methods[wanted] === true && matches(layer, path));
};

/** Empty: no such path. Express answers HEAD where there is a GET. */
const methodsOf = (server: Express, path: string): readonly string[] => {
  const found = new Set<string>();
  for (const layer of layersOf(server)) {
    if (layer.route === undefined || !matches(layer, path)) continue;
    for (const method of Object.keys(layer.route.methods)) found.add(method.toUpperCase());
  }
  if (found.has('GET')) found.add('HEAD');
  if (found.size > 0) found.add('OPTIONS');
  return [...found].sort();
};

const layersOf = (server: Express): readonly Layer[] => server.router.stack as unknown as readonly Layer[];

/** What cannot be decoded matches nothing here, and is refused by the router. */
const matches = (layer: Layer, path: string): boolean => {
  try {
    return layer.match(path);
  } catch {
    return false;
  }
};
