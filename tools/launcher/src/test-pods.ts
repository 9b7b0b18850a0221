import { Failure, type Instance, resolveHelm, resolveMosquitto } from '@muster/local-servers';

/** Set to `yes`, `npm test` runs the chart's pods, too, and installs podman where it is missing: .ci/run asks for it. */
const ASKED = 'MUSTER_TEST_PODS';
/** How tools/pods' prepare.js says that this machine cannot run pods. */
const UNAVAILABLE = 69;

export type Pods =
  | { readonly environment: NodeJS.ProcessEnv }
  /** Why they do not run; nothing is wrong. */
  | { readonly skipped: string }
  /** Why they could not be made ready though this machine can run them. */
  | { readonly failed: string };

/** Whoever names their specs has asked, too; not who names all of tools. */
export const arePodsAskedFor = (patterns: readonly string[]): boolean =>
  patterns.some((pattern) => pattern.includes('pods')) || process.env[ASKED] === 'yes';

/** Jest's projects over podman: the chart's pods, and docker-compose.yml. */
export type Containers = 'pods' | 'compose';

/** The second takes longer than all else of `npm test`, so it runs only for whom nothing else is meant. */
export const containersAskedFor = (patterns: readonly string[]): Containers =>
  patterns.some((pattern) => pattern.includes('composition')) ? 'compose' : 'pods';

export const NOT_ASKED: Pods = { skipped: `not asked for: ${ASKED}=yes npm test, or npm test -- tools/pods` };

/** Builds the images, which takes minutes at the first time: done while other specs run. `node` runs a program of the checkout. */
export const preparePods = async (
  { settings, signal }: Instance,
  containers: Containers,
  node: (args: readonly string[]) => Promise<{ readonly code: number | null; readonly output: string }>,
): Promise<Pods> => {
  const where = { servers: settings.servers, path: process.env['PATH'] ?? '', signal };
  const { code, output } = await node(['tools/pods/dist/src/prepare.js', containers]);
  if (code === UNAVAILABLE) return { skipped: output.trim().split('\n').at(-1) ?? '' };
  if (code !== 0) return { failed: output };
  try {
    const [helm, mosquitto] = await Promise.all([resolveHelm(where), resolveMosquitto(where)]);
    return {
      environment: {
        MUSTER_TEST_HELM: helm,
        MUSTER_TEST_MOSQUITTO: mosquitto.directory,
        ...(mosquitto.libraries === undefined
          ? {}
          : { MUSTER_TEST_MOSQUITTO_LIBRARIES: mosquitto.libraries }),
      },
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { skipped: error.message };
  }
};
