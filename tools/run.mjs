/**
 * `npm start`, `npm test` and what else package.json runs with it: makes a fresh checkout runnable and hands over to
 * tools/launcher. Plain JavaScript without dependencies: it runs before there are any, and on any Node.js from 20.19 on.
 * Everything after the packages are there runs on the Node.js that came with them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = [20, 19];
/** Commands that serve the console, or open it in a browser. */
const WITH_CONSOLE = ['start', 'test', 'bench'];
const COMMANDS = ['start', 'test', 'migrate', 'rebuild', 'doctor', 'simulate', 'bench', 'pictures', 'pods'];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** The package with the Node.js of this kind of machine. */
const RUNTIME = `node-${process.platform}-${process.arch}`;
const [command, ...flags] = process.argv.slice(2);

const main = async () => {
  requireNode();
  installPackages();
  const runtime = runtimeToHandOverTo();
  if (runtime !== undefined) return handOver(runtime);
  dieWithOuter();
  build();
  if (WITH_CONSOLE.includes(command)) buildConsole();
  if (!COMMANDS.includes(command)) giveUp(`Usage: node tools/run.mjs ${COMMANDS.join('|')} [flags]`);
  const module = await import(`./launcher/dist/src/${command}.js`);
  process.exitCode = await module[command](root, flags);
  // A server adopted or a probe under way may still hold the event loop; all that matters is done.
  process.exit();
};

const requireNode = () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  giveUp(`muster needs Node.js ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node}.`);
};

/** undefined: this one is it, or there is none for this machine. */
const runtimeToHandOverTo = () => {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies[RUNTIME];
  if (process.versions.node === wanted) return undefined;
  const runtime = join(root, 'node_modules', RUNTIME, 'bin/node');
  // Also where the C library is another one, the package is there but its program does not run.
  if (wanted !== undefined && spawnSync(runtime, ['--version']).status === 0) return runtime;
  console.log(
    `npm has no Node.js 24 that runs here (${RUNTIME}); going on with Node.js ${process.versions.node}`,
  );
  return undefined;
};

/**
 * Node.js cannot become another program, so this process stays as a shell around the other one: it passes signals on, and
 * ends as the other ends. A session of its own keeps the terminal's Ctrl-C from reaching that one twice. `node` means the
 * same one in all that is started from there.
 */
const handOver = async (runtime) => {
  const child = spawn(runtime, process.argv.slice(1), {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    detached: true,
    env: { ...process.env, PATH: `${dirname(runtime)}${delimiter}${process.env.PATH}` },
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const name of signals) process.on(name, (received) => child.kill(received));
  const [code, signal] = await once(child, 'exit');
  for (const name of signals) process.removeAllListeners(name);
  if (signal !== null) process.kill(process.pid, signal);
  process.exit(code ?? 1);
};

/** Who kills the outer process (-9) means this one: the two are one launcher to everybody. */
const dieWithOuter = () => {
  process.channel?.unref();
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
};

/**
 * npm ci when node_modules is missing or holds other versions than
 * package-lock.json. The hash of the lock last compared is kept, so that every
 * other start compares nothing.
 */
const installPackages = () => {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const mark = join(root, 'node_modules', '.muster-lock-hash');
  const hash = createHash('sha256').update(lock).digest('hex');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === hash) return;
  if (!isInstalled(JSON.parse(lock).packages)) {
    console.log('installing npm packages …');
    run(
      'npm',
      ['ci', '--no-audit', '--no-fund'],
      'npm ci failed, see above. The first start needs the network.',
    );
  }
  writeFileSync(mark, hash);
};

/** npm writes down what it installed; packages for other systems are in the lock and not there. */
const isInstalled = (wanted) => {
  const list = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(list)) return false;
  const installed = JSON.parse(readFileSync(list, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, optional, link, resolved }]) => {
    if (!path.includes('node_modules/')) return true;
    if (link) {
      // A workspace that came with the last pull needs no npm.
      if (!existsSync(join(root, path)))
        symlinkSync(relative(dirname(join(root, path)), join(root, resolved)), join(root, path));
      return true;
    }
    const found = installed[path];
    // Optional packages are for other systems, but for the one that everything shall run on.
    if (found === undefined) return optional === true && path !== `node_modules/${RUNTIME}`;
    return found.version === version;
  });
};

const build = () => {
  const began = Date.now();
  run(process.execPath, [join(root, 'node_modules/ts7/bin/tsc'), '-b'], 'The build failed, see above.');
  if (Date.now() - began > 2_000) console.log(`built (${((Date.now() - began) / 1_000).toFixed(1)} s)`);
};

/** What the console's files are made of. */
const CONSOLE_PARTS = [
  'package-lock.json',
  ...['index.html', 'package.json', 'vite.config.mjs', 'public', 'src'].map((part) => `apps/console/${part}`),
  ...['api-client', 'contracts', 'filter', 'json'].map((lib) => `libs/${lib}/src`),
];

/** Three seconds, and nothing where no part has changed since the last time. */
const buildConsole = () => {
  const mark = join(root, 'apps/console/dist/web.mark');
  const parts = CONSOLE_PARTS.flatMap((part) => filesOf(join(root, part)))
    .map((file) => `${relative(root, file)} ${statSync(file).mtimeMs}`)
    .join('\n');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === parts) return;
  run(
    process.execPath,
    [
      ...[join(root, 'node_modules/vite/bin/vite.js'), 'build', join(root, 'apps/console')],
      ...['--config', join(root, 'apps/console/vite.config.mjs'), '--logLevel', 'warn'],
    ],
    'The console could not be built, see above.',
  );
  writeFileSync(mark, parts);
};

const filesOf = (path) =>
  statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => filesOf(join(path, name))) : [path];

const run = (program, args, complaint) => {
  const { status, signal, error } = spawnSync(program, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error !== undefined) giveUp(`${program} cannot be run: ${error.message}`);
  if (signal !== null) process.kill(process.pid, signal);
  if (status !== 0) giveUp(complaint);
};

/** Whoever counts the tests looks at the last line only. */
const giveUp = (sentence) => {
  console.error(`\n${sentence}`);
  if (command === 'test') console.log('0 passed, 1 failed');
  process.exit(1);
};

await main();
