import { sep } from 'node:path';
import compression from 'compression';
import express, { Router, type RequestHandler } from 'express';

/** What is no page: served by others, or an address of devices that came to the wrong door. */
const OTHERS = /^\/(api|health|metrics|kp1|problems)(\/|$)/i;

/** Vite names what is in it after its content. */
const HASHED = `${sep}assets${sep}`;

/** Scripts and requests from here only, and no form that a browser would send itself. Mantine sets styles on elements. */
export const PAGE_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'";

/**
 * The built console at `/`: its files, and its page for every address that a browser opens, since routes are the page's own
 * matter. For anybody: they hold nothing but what is in the repository. Undefined: there is none.
 */
export const serveConsole = (folder: string | undefined): RequestHandler => {
  const files = folder === undefined ? nothing : filesIn(folder);
  const router = Router();
  router.use((request, response, next) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead || OTHERS.test(request.path)) {
      next('router');
      return;
    }
    response.setHeader('content-security-policy', PAGE_POLICY);
    next();
  });
  router.use(compression());
  router.use(files);
  router.use((request, response, next) => {
    if (request.path !== '/' && !(request.get('accept') ?? '').includes('text/html')) {
      next();
      return;
    }
    request.url = '/index.html';
    void files(request, response, () => response.status(404).type('html').send(NO_CONSOLE));
  });
  return router;
};

const filesIn = (folder: string): RequestHandler =>
  express.static(folder, {
    index: false,
    redirect: false,
    setHeaders: (response, path) =>
      response.setHeader(
        'cache-control',
        path.includes(HASHED) ? 'public, max-age=31536000, immutable' : 'no-cache',
      ),
  });

const nothing: RequestHandler = (_request, _response, next) => next();

const NO_CONSOLE = `<!doctype html>
<html lang="en">
<title>Muster</title>
<p>The console is not built here. <code>npm run build</code> builds it; <code>MUSTER_GATEWAY_CONSOLE</code> names its folder.</p>
<p><a href="/api/v1/docs">The REST API and its documentation</a></p>
</html>
`;
