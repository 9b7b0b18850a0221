import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MARK_INSTANCE, MARK_SERVER } from '@muster/local-servers';

/** Where the pods of a checkout live: nothing of it is seen by another podman of the machine, or by another checkout's. */
export type Places = {
  readonly root: string;
  /** `.muster/pods`: images, which a second run finds again, and what the present run writes. */
  readonly home: string;
  /** Below `/run`, by a short path: sockets. */
  readonly run: string;
  /** What its network is called, and for Docker Compose the project: netavark keeps names of all of the machine in one place. */
  readonly network: string;
  /** What podman and buildah find in their environment. */
  readonly environment: NodeJS.ProcessEnv;
};

/** Makes the directories and podman's configuration. Safe to call twice. */
export const openPlaces = (root: string): Places => {
  const home = join(root, '.muster/pods');
  // Sockets live there, whose paths have a limit of 107 bytes.
  const id = createHash('sha256').update(home).digest('hex').slice(0, 12);
  const run = join('/run/muster-pods', id);
  for (const directory of [home, run, join(home, 'networks')]) mkdirSync(directory, { recursive: true });
  const containers = join(home, 'containers.conf');
  const storage = join(home, 'storage.conf');
  writeFileSync(
    containers,
    toml({
      engine: {
        runtime: 'runc-here',
        cgroup_manager: 'cgroupfs',
        events_logger: 'none',
        infra_image: '',
        tmp_dir: join(run, 'libpod'),
        volume_path: join(home, 'volumes'),
      },
      'engine.runtimes': { 'runc-here': [join(root, 'tools/pods/oci-runtime')] },
      network: { network_backend: 'netavark', network_config_dir: join(home, 'networks') },
    }),
  );
  writeFileSync(
    storage,
    toml({ storage: { driver: 'overlay', graphroot: join(home, 'storage'), runroot: join(run, 'storage') } }),
  );
  return {
    root,
    home,
    run,
    network: `muster-${id}`,
    environment: { ...unmarked(process.env), CONTAINERS_CONF: containers, CONTAINERS_STORAGE_CONF: storage },
  };
};

/** Without what makes `npm test` end a process that it finds at its end: the guard does that, in order. */
export const unmarked = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(environment).filter(([name]) => name !== MARK_INSTANCE && name !== MARK_SERVER),
  );

/** Its strings and lists are JSON's. */
const toml = (sections: Readonly<Record<string, Readonly<Record<string, string | string[]>>>>): string =>
  Object.entries(sections)
    .map(([name, values]) =>
      [
        `[${name}]`,
        ...Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
      ].join('\n'),
    )
    .join('\n\n');
