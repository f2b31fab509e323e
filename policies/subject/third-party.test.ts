// SPDX-License-Identifier: Apache-2.0
// The table of kinds against what upstream projects publish: their CRDs (does each path exist in each version?) and their
// manifests (do we find every image that a plain walk over the object finds?).
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { fromJson } from '../cel/index.ts';
import type { Value } from '../cel/index.ts';
import { workloadKind } from './kind-index.ts';
import { subjectOf } from './index.ts';
import { parsePath } from './paths.ts';
import { workloadKinds } from './workload-kinds.ts';

const root = process.env['WRIT_THIRD_PARTY'] ?? join(import.meta.dirname, '../../../shared/third-party');
const missing = existsSync(join(root, 'crds')) ? false : `${root} is not here; set WRIT_THIRD_PARTY`;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const at = (value: unknown, ...keys: readonly string[]): unknown =>
  keys.reduce<unknown>((held, key) => (isObject(held) ? held[key] : undefined), value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const documentsIn = (folder: string): readonly { readonly file: string; readonly object: unknown }[] =>
  globSync(join(root, folder, '**/*.yaml'))
    .toSorted()
    .flatMap((file) =>
      parseAllDocuments(readFileSync(file, 'utf8')).map((document) => ({ file: relative(root, file), object: document.toJS() })),
    );

/** Follows the path in an OpenAPI schema; an untyped part may hold anything. */
const schemaHas = (schema: unknown, steps: ReturnType<typeof parsePath>): boolean => {
  if (at(schema, 'x-kubernetes-preserve-unknown-fields') === true) return true;
  const [step, ...rest] = steps;
  if (step === undefined) return true;
  if (typeof step === 'string') return schemaHas(at(schema, 'items'), rest);
  return step.some((name) => {
    const next = at(schema, 'properties', name);
    return next !== undefined && schemaHas(next, rest);
  });
};

test('every path of the table is in a CRD of its kind, and every served version in the table', { skip: missing }, () => {
  const crds = documentsIn('crds').filter(({ object }) => at(object, 'kind') === 'CustomResourceDefinition');
  assert.ok(crds.length > 50);
  let checked = 0;
  for (const row of workloadKinds) {
    const own = crds.filter(({ object }) => at(object, 'spec', 'group') === row.group && at(object, 'spec', 'names', 'kind') === row.kind);
    if (own.length === 0) continue;
    const versions = own.flatMap(({ object }) => list(at(object, 'spec', 'versions')));
    for (const { object } of own) {
      assert.equal(at(object, 'spec', 'names', 'plural'), row.plural, row.kind);
      assert.equal(at(object, 'spec', 'scope'), row.scope ?? 'Namespaced', row.kind);
    }
    for (const served of versions)
      assert.ok(Object.hasOwn(row.versions, String(at(served, 'name'))), `${row.group} ${row.kind} serves ${String(at(served, 'name'))}`);
    for (const [version, shape] of Object.entries(row.versions)) {
      const schemas = versions.filter((served) => at(served, 'name') === version).map((served) => at(served, 'schema', 'openAPIV3Schema'));
      for (const path of Object.values(shape).flat()) {
        checked += 1;
        assert.ok(
          schemas.length === 0 || schemas.some((schema) => schemaHas(schema, parsePath(path))),
          `${row.group}/${version} ${row.kind} has no ${path}`,
        );
      }
    }
    for (const path of Object.values(row.agent ?? {}).flat()) {
      const schemas = versions.map((served) => at(served, 'schema', 'openAPIV3Schema'));
      assert.ok(
        schemas.some((schema) => schemaHas(schema, parsePath(path))) || row.group === 'kagent.dev',
        `${row.group} ${row.kind} has no ${path}`,
      );
    }
  }
  assert.ok(checked > 60, `${checked} paths checked`);
});

/** Every string under a key `image`, wherever it is, but for volumes (`rbd.image` is the name of a disk). */
const plainWalk = (value: unknown, found: Set<string> = new Set()): Set<string> => {
  if (Array.isArray(value)) for (const item of value) plainWalk(item, found);
  else if (isObject(value)) {
    for (const [key, held] of Object.entries(value)) {
      if (key === 'image' && typeof held === 'string' && held !== '') found.add(held);
      else if (key !== 'volumes') plainWalk(held, found);
    }
  }
  return found;
};

const imagesFound = (object: unknown, group: string, version: string): Set<string> => {
  const value: Value = fromJson(object);
  const { workload } = subjectOf({
    uid: 'u',
    kind: { group, version, kind: String(at(object, 'kind')) },
    resource: { group, version, resource: 'x' },
    subResource: '',
    requestKind: undefined,
    requestResource: undefined,
    requestSubResource: '',
    name: '',
    namespace: 'ns',
    operation: 'CREATE',
    userInfo: { username: '', uid: '', groups: [], extra: {} },
    object: value,
    oldObject: null,
    options: null,
    dryRun: false,
  });
  return new Set(list(workload.field('images')).filter((image) => typeof image === 'string'));
};

const sorted = (texts: readonly string[]): readonly string[] => texts.toSorted((a, b) => (a < b ? -1 : 1));

test('every image in the published manifests is found', { skip: missing }, () => {
  let workloads = 0;
  let images = 0;
  for (const { file, object } of documentsIn('manifests')) {
    const apiVersion = String(at(object, 'apiVersion'));
    const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    if (workloadKind(group, String(at(object, 'kind'))) === undefined) continue;
    workloads += 1;
    const expected = plainWalk(at(object, 'spec'));
    const skills = new Set(list(at(object, 'spec', 'skills', 'refs')).map(String));
    const found = [...imagesFound(object, group, version)].filter((image) => !skills.has(image));
    images += expected.size;
    assert.deepEqual(
      sorted(found),
      sorted([...expected]),
      `${file} ${String(at(object, 'kind'))} ${String(at(object, 'metadata', 'name'))}`,
    );
  }
  assert.ok(workloads > 120 && images > 100, `${workloads} workloads, ${images} images`);
});
