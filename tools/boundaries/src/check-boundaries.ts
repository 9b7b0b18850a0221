import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { importCircles } from './import-circles.js';

/**
 * Who may import whom. Nx's own lint rule skips itself silently on a fresh clone (it needs a cached project graph), so
 * this is the gate; the specification beside it holds a workspace that breaks every rule, to prove that each one bites.
 */
export interface Violation {
  /** Path from the workspace root. */
  readonly file: string;
  readonly rule: string;
}

interface Project {
  readonly name: string;
  readonly directory: string;
  readonly kind: string;
  readonly runtime: string;
  readonly dependencies: ReadonlyMap<string, string>;
  readonly testDependencies: ReadonlyMap<string, string>;
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** Kind of the importing project → kinds of ours it may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  edge: ['lib'],
  service: ['lib'],
  lib: ['lib'],
  ui: ['lib'],
  host: ['edge', 'service', 'lib'],
  tool: ['tool', 'lib'],
};

/** Libraries that must stay free of ours, so that anybody can use them alone → those of ours, as free, that they may bring along. */
const STANDALONE: Readonly<Record<string, readonly string[]>> = {
  '@muster/contracts': [],
  '@muster/iothub-simulator': [],
  '@muster/json': [],
  '@muster/kp1': ['@muster/json'],
};

/** Deterministic modules that a decider may use. */
const PURE_MODULES = [
  '@muster/contracts',
  '@muster/contracts/configuration/sync-state',
  '@muster/contracts/canonical-json',
  '@muster/contracts/same-json',
  '@muster/contracts/configuration/values',
  '@muster/contracts/iothub-adapter/twin-limits',
  'node:crypto',
];
const IMPURE =
  /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandomUUID\b|\brandomBytes\b|\bnewId\b|\bprocess\./;

export const checkBoundaries = (workspace: string): Violation[] => {
  const projects = readProjects(workspace);
  return [
    ...checkVersions(projects),
    ...projects.flatMap((project) => [...checkProject(project, projects), ...checkCircles(project)]),
  ].map(({ file, rule }) => ({ file: relative(workspace, file), rule }));
};

const checkProject = (project: Project, projects: readonly Project[]): Violation[] =>
  sourceFiles(project.directory).flatMap((file) => {
    const isTest = /\.(spec|fixture)\.tsx?$/.test(file);
    const rules = importsOf(file).flatMap((found) => checkImport(project, projects, file, found, isTest));
    rules.push(...checkExports(file));
    if (/\.(events|decider)\.ts$/.test(file)) rules.push(...checkPurity(file));
    return rules.map((rule) => ({ file, rule }));
  });

/** Two files that need each other cannot be read, tested or moved one without the other. */
const checkCircles = (project: Project): Violation[] => {
  const files = sourceFiles(project.directory);
  const imports = new Map(
    files.map((file) => [file, importsOf(file).flatMap((found) => ownFile(file, found))]),
  );
  return importCircles(imports).map((circle) => ({
    file: circle[0] ?? project.directory,
    rule: `imports itself in a circle: ${circle.map((file) => relative(project.directory, file)).join(' → ')}`,
  }));
};

/** The file of the same project that is imported, if it is one. */
const ownFile = (file: string, { specifier }: Import): string[] =>
  specifier.startsWith('.') ? [resolve(dirname(file), specifier.replace(/\.js(x?)$/, '.ts$1'))] : [];

const checkImport = (
  project: Project,
  projects: readonly Project[],
  file: string,
  { specifier }: Import,
  isTest: boolean,
): string[] => {
  if (specifier.startsWith('.')) {
    if (!isTest && /\.fixture\.js$/.test(specifier)) return [`is no spec, so not with ${specifier}`];
    const target = resolve(dirname(file), specifier);
    return target.startsWith(project.directory + '/') ? [] : [`leaves its project: ${specifier}`];
  }
  if (specifier.startsWith('node:')) {
    return project.runtime === 'any' && !isTest ? [`runs anywhere, so not with ${specifier}`] : [];
  }
  if (builtinModules.includes(specifier)) return [`write node:${specifier}`];
  const name = packageName(specifier);
  if (name === project.name) return [`imports itself: ${specifier}`];
  const declared = project.dependencies.has(name) || (isTest && project.testDependencies.has(name));
  const rules = declared || (isTest && TEST_TOOLS.includes(name)) ? [] : [`does not declare ${name}`];
  const ours = projects.find((candidate) => candidate.name === name);
  if (ours !== undefined) rules.push(...checkOurs(project, ours, isTest));
  return rules;
};

/** Installed once for the whole workspace; only specs may use them. */
const TEST_TOOLS = ['@jest/globals', 'fast-check', 'supertest', 'mqtt'];

/** Programs that stand in for somebody else's service. Specs of whoever talks to that service may run them. */
const STAND_INS = ['@muster/iothub-simulator'];

const checkOurs = (project: Project, imported: Project, isTest: boolean): string[] => {
  const rules: string[] = [];
  if (imported.name === '@muster/testing') {
    if (!isTest) rules.push('uses @muster/testing outside a spec');
    return rules;
  }
  if (isTest && STAND_INS.includes(imported.name)) return rules;
  if (!(MAY_IMPORT[project.kind] ?? []).includes(imported.kind)) {
    rules.push(`kind ${project.kind} may not import kind ${imported.kind}: ${imported.name}`);
  }
  if (STANDALONE[project.name]?.includes(imported.name) === false) {
    rules.push(`stands alone, so not with ${imported.name}`);
  }
  if (project.kind === 'edge' && imported.name === '@muster/event-store') {
    rules.push('an edge owns nothing, so not with @muster/event-store');
  }
  if (project.kind === 'ui' && imported.runtime !== 'any') {
    rules.push(`runs in a browser, so not with ${imported.name}`);
  }
  return rules;
};

/**
 * Deciders and events take time, ids and everything else from the command. What they import by value, directly or
 * through files of their own project, is held to the same.
 */
const checkPurity = (file: string, seen = new Set<string>()): string[] => {
  if (seen.has(file)) return [];
  seen.add(file);
  const impure = IMPURE.exec(readFileSync(file, 'utf8'));
  const rules = impure === null ? [] : [`must be pure, but uses ${impure[0]}`];
  for (const { specifier, typeOnly } of importsOf(file)) {
    if (typeOnly) continue;
    if (specifier.startsWith('.')) {
      const target = resolve(dirname(file), specifier.replace(/\.js$/, '.ts'));
      if (existsSync(target)) rules.push(...checkPurity(target, seen));
    } else if (!PURE_MODULES.includes(specifier)) {
      rules.push(`must be pure, but imports ${specifier}`);
    }
  }
  return rules;
};

/** What is not written here, though the language has it. */
const NOT_WRITTEN: readonly (readonly [RegExp, string])[] = [
  [/^export \* from/m, 'lists its public names by hand, so not with export *'],
  [/^export default\b/m, 'names what it exports, so not with export default'],
  [/^(export )?(const )?enum /m, 'uses a union of strings, so not an enum'],
  [
    // What PostgreSQL planned for a list while the table was small, it keeps while the table grows: it read 100,000 rows for 500.
    /name: '[\w-]+',(\s*\/\/.*)*\s*text: ['`]\s*(?!INSERT|WITH \w+ AS \(INSERT)[^'`]*(ANY ?\(|unnest\(|to_recordset\()/,
    'has a statement that finds rows by a list: it is planned each time, so not with a name',
  ],
];

const checkExports = (file: string): string[] => {
  const text = readFileSync(file, 'utf8');
  return NOT_WRITTEN.flatMap(([pattern, rule]) => (pattern.test(text) ? [rule] : []));
};

/** One version of a package in the whole workspace: two would be installed twice and tested once. */
const checkVersions = (projects: readonly Project[]): Violation[] => {
  const first = new Map<string, { version: string; project: Project }>();
  const violations: Violation[] = [];
  for (const project of projects) {
    for (const [name, version] of [...project.dependencies, ...project.testDependencies]) {
      const file = join(project.directory, 'package.json');
      if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
        violations.push({ file, rule: `pins no exact version of ${name}: ${version}` });
      }
      const known = first.get(name);
      if (known === undefined) first.set(name, { version, project });
      else if (known.version !== version) {
        violations.push({
          file,
          rule: `${name} ${version} differs from ${known.version} of ${known.project.name}`,
        });
      }
    }
  }
  return violations;
};

const readProjects = (workspace: string): Project[] =>
  ['apps', 'libs', 'tools']
    .map((folder) => join(workspace, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((directory) => existsSync(join(directory, 'package.json')))
    .map(readProject);

const readProject = (directory: string): Project => {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    name: string;
    nx?: { tags?: string[] };
    dependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
  };
  const tag = (key: string): string =>
    manifest.nx?.tags?.find((text) => text.startsWith(`${key}:`))?.slice(key.length + 1) ?? '';
  return {
    name: manifest.name,
    directory,
    kind: tag('kind'),
    runtime: tag('runtime'),
    dependencies: new Map(Object.entries(manifest.dependencies ?? {})),
    testDependencies: new Map(Object.entries(manifest.devDependencies ?? {})),
  };
};

const sourceFiles = (project: string): string[] =>
  ['src', 'migrations']
    .map((folder) => join(project, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.tsx?$/.test(name))
        .map((name) => join(folder, name)),
    );

const importsOf = (file: string): Import[] => {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm);
  const dynamic = text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g);
  return [
    ...Array.from(found, ([, type, specifier]) => ({
      specifier: specifier ?? '',
      typeOnly: type !== undefined,
    })),
    ...Array.from(dynamic, ([, specifier]) => ({ specifier: specifier ?? '', typeOnly: false })),
  ];
};

const packageName = (specifier: string): string =>
  specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
