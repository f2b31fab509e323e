// SPDX-License-Identifier: Apache-2.0
// The house rules that a reader may believe because a test holds them: who imports whom, which package is used where.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ROOMS = ['crds', 'policies', 'kube', 'process', 'operator', 'webhook', 'cli', 'deploy', 'docs', 'test'];

type Import = { readonly from: string; readonly to: string; readonly typeOnly: boolean };

const IMPORT = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

const sources = globSync(
  ROOMS.map((room) => `${room}/**/*.ts`),
  { cwd: root },
).filter((file) => !file.includes('node_modules'));
const isTest = (file: string): boolean => /\.test\.ts$|^test\/|\/test-[a-z-]+\.ts$/.test(file);
const production = sources.filter((file) => !isTest(file));

const importsOf = (file: string): Import[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(IMPORT)].map((match) => {
    const target = match[2] ?? match[3] ?? '';
    return { from: file, to: target.startsWith('.') ? normalize(join(dirname(file), target)) : target, typeOnly: match[1] !== undefined };
  });

const imports = production.flatMap(importsOf);
const local = imports.filter((edge) => ROOMS.some((room) => edge.to.startsWith(`${room}/`)));
const packages = imports.filter((edge) => !local.includes(edge));
const show = (edges: readonly Import[]): string => edges.map((edge) => `${edge.from} imports ${edge.to}`).join('\n');

/** What a room may import of the house, the narrowest prefix first; a room always may import itself. */
const MAY_IMPORT: readonly (readonly [room: string, allowed: readonly string[]])[] = [
  ['policies/cel/', ['policies/steps.ts']],
  ['policies/', ['crds/', 'policies/']],
  ['crds/', []],
  ['process/', []],
  ['kube/', ['crds/kinds.ts', 'crds/conditions.ts', 'process/clock.ts']],
  ['operator/slo/', ['crds/', 'policies/', 'process/', 'operator/usage/', 'operator/billing/rating/']],
  ['operator/', ['crds/', 'policies/', 'kube/', 'process/']],
  ['webhook/', ['crds/', 'policies/', 'kube/', 'process/']],
  [
    'cli/',
    [
      'crds/',
      'policies/',
      'kube/',
      'process/',
      'operator/audit/',
      'operator/manifest/',
      'operator/source/',
      'operator/usage/',
      'operator/billing/',
      'operator/slo/',
      'webhook/admission/',
      'test/scenario/',
      'test/cluster/',
    ],
  ],
];

describe('rooms import only what the plan allows', () => {
  for (const [index, [room, allowed]] of MAY_IMPORT.entries()) {
    it(room, () => {
      const narrower = MAY_IMPORT.slice(0, index).map(([other]) => other);
      const wrong = local.filter(
        (edge) =>
          edge.from.startsWith(room) &&
          !narrower.some((other) => edge.from.startsWith(other)) &&
          !edge.to.startsWith(room) &&
          !allowed.some((prefix) => edge.to.startsWith(prefix)),
      );
      assert.equal(show(wrong), '');
    });
  }

  it('nothing that ships imports a test', () => {
    const wrong = local.filter(
      (edge) => edge.to.endsWith('.test.ts') || (edge.to.startsWith('test/') && !/^(cli\/demo|docs\/generate)/.test(edge.from)),
    );
    assert.equal(show(wrong), '');
  });
});

/** Files that import each other in a circle, a circle a line. Each file is gone through once. */
const circlesAmong = (edges: ReadonlyMap<string, readonly string[]>): readonly string[] => {
  const left = new Set<string>();
  const way: string[] = [];
  const circles: string[] = [];
  const follow = (file: string): void => {
    const at = way.indexOf(file);
    if (at >= 0) circles.push([...way.slice(at), file].join(' → '));
    if (at >= 0 || left.has(file)) return;
    way.push(file);
    for (const next of edges.get(file) ?? []) follow(next);
    way.pop();
    left.add(file);
  };
  for (const file of edges.keys()) follow(file);
  return circles;
};

describe('no files import each other in a circle, types included', () => {
  it('of the whole tree', () => {
    const known = new Set(sources.filter((file) => !file.startsWith('crds/generated/')));
    const edges = [...known].map((file): [string, string[]] => [file, importsOf(file).flatMap(({ to }) => (known.has(to) ? [to] : []))]);
    assert.ok(edges.flatMap(([, to]) => to).length > known.size, 'imports are found at all');
    assert.equal(circlesAmong(new Map(edges)).join('\n'), '');
  });

  it('a circle is told by its files', () => {
    const edges = { a: ['b', 'c'], b: ['c'], c: ['d'], d: ['b', 'e'], e: [], f: ['f', 'a'] };
    assert.deepEqual(circlesAmong(new Map(Object.entries(edges))), ['b → c → d → b', 'f → f']);
  });
});

/** A heavy package is imported in one file, two at most. */
const ONLY_IN: Readonly<Record<string, RegExp>> = {
  stripe: /^operator\/billing\/stripe-client\.ts$/,
  'simple-git': /^operator\/source\/git\.ts$/,
  express: /^(process\/endpoint|webhook\/server\/app|operator\/receivers|operator\/source\/receiver-routes)\.ts$/,
  yaml: /^(policies\/document\/[a-z-]+|crds\/generate(\/[a-z-]+)?|docs\/generate\/[a-z-]+|deploy\/monitoring\/index|cli\/[a-z-]+)\.ts$/,
  undici: /^kube\//,
  '@kubernetes/client-node': /^kube\//,
  pino: /^process\/log\.ts$/,
  'prom-client': /^process\//,
  '@sigstore/tuf': /^cli\/bundle\/roots\.ts$/,
  '@sigstore/verify': /^policies\/trust\//,
  '@sigstore/bundle': /^(policies\/trust\/|cli\/)/,
  re2js: /^policies\//,
  ignore: /^operator\/source\//,
  semver: /^(operator\/source\/|policies\/ruleset\/range\.ts$)/,
  '@peculiar/x509': /^operator\/controllers\//,
  commander: /^(cli|docs\/generate)\//,
  'node:sqlite': /^(operator\/usage\/sqlite-store|cli\/audit\/witness-lock)\.ts$/,
  pg: /^operator\/usage\/postgres-store\.ts$/,
};

describe('packages stay in their rooms', () => {
  for (const [name, where] of Object.entries(ONLY_IN)) {
    it(name, () => {
      const wrong = packages.filter((edge) => (edge.to === name || edge.to.startsWith(`${name}/`)) && !where.test(edge.from));
      assert.equal(show(wrong), '');
      const files = new Set(
        packages.filter((edge) => edge.to === name && !edge.typeOnly && !edge.from.includes('generate')).map((edge) => edge.from),
      );
      if (name === 'express' || name === 'simple-git') assert.ok(files.size <= 3, [...files].join(', '));
    });
  }

  // node:net is there for isIP, which opens nothing; node:vm loads what ajv writes.
  it('policies/ is pure: no clock, no I/O', () => {
    const wrong = packages.filter(
      (edge) =>
        edge.from.startsWith('policies/') &&
        edge.to.startsWith('node:') &&
        !['node:crypto', 'node:buffer', 'node:vm', 'node:net'].includes(edge.to),
    );
    assert.equal(show(wrong), '');
    const clocked = production.filter(
      (file) => file.startsWith('policies/') && /\bDate\.now\(|\bnew Date\(\)|\bsetTimeout\(/.test(readFileSync(join(root, file), 'utf8')),
    );
    assert.deepEqual(clocked, []);
  });

  it('policies/cel needs re2js alone', () => {
    assert.equal(show(packages.filter((edge) => edge.from.startsWith('policies/cel/') && edge.to !== 're2js')), '');
  });

  it('every dependency has its line of reason', () => {
    const manifest: { dependencies: Record<string, string>; devDependencies: Record<string, string> } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
    const reasons = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
    const silent = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      (name) => !reasons.includes(`\`${name}\``),
    );
    assert.deepEqual(silent, []);
    const floating = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
    );
    assert.deepEqual(floating, []);
  });
});

describe('files', () => {
  it('names say what lives there', () => {
    assert.deepEqual(
      sources.filter(
        (file) =>
          /(^|\/)(utils?|helpers?|common|misc|shared|lib)(\/|\.ts$)|(^|\/)(types|constants)\.ts$/.test(file) &&
          !file.startsWith('crds/generated/'),
      ),
      [],
    );
    assert.deepEqual(
      sources.filter((file) => !/^[a-z0-9./-]+$/.test(file)),
      [],
    );
  });

  it('time comes from a clock that is passed in', () => {
    const wrong = production.filter(
      (file) =>
        /^(kube|operator|webhook)\//.test(file) &&
        /\bDate\.now\(|\bsetTimeout\(|\bsetInterval\(/.test(readFileSync(join(root, file), 'utf8')),
    );
    assert.deepEqual(wrong, []);
  });

  it('every source names its licence', () => {
    const wrong = sources.filter(
      (file) =>
        !file.startsWith('crds/generated/') &&
        !readFileSync(join(root, file), 'utf8').slice(0, 200).includes('SPDX-License-Identifier: Apache-2.0'),
    );
    assert.deepEqual(wrong, []);
  });
});
