// SPDX-License-Identifier: Apache-2.0
// Manifests that agent projects publish, through a real API server with their CRDs and through Writ under the three
// sample policies: each gets the verdict that a plain reading of its pod specs gives, and what runs nothing is left alone.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { Resource } from '../../crds/kinds.ts';
import { KubeApiError } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { tenantText } from '../scenario/documents.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation } from '../scenario/installation.ts';
import { until } from '../scenario/until.ts';
import { podOf, verdictOf } from '../scenario/verdict.ts';
import { broken, containersOf, dig } from './plain-reading.ts';
import type { Json } from './plain-reading.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const root = process.env['WRIT_THIRD_PARTY'] ?? join(repository, '../shared/third-party');
const missing = existsSync(join(root, 'manifests')) ? false : `${root} is not here; set WRIT_THIRD_PARTY`;

/** The development branch of kagent serves more versions under the same CRD names, so its CRDs replace those of the tag. */
const LATER = 'kagent-main';
const projects =
  missing === false
    ? [...new Set(globSync('*', { cwd: join(root, 'manifests') }))].toSorted((a, b) =>
        a === LATER ? 1 : b === LATER ? -1 : a < b ? -1 : 1,
      )
    : [];

type Manifest = { readonly file: string; readonly object: Json };
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const manifestsOf = (project: string): readonly Manifest[] =>
  globSync(join(root, 'manifests', project, '**/*.{yaml,yml}'))
    .toSorted()
    .flatMap((file) =>
      parseAllDocuments(readFileSync(file, 'utf8')).flatMap((document): Manifest[] => {
        const object: unknown = document.toJS();
        return isJson(object) ? [{ file: relative(root, file), object }] : [];
      }),
    );

const policies = ['images-pinned', 'not-privileged', 'limits-set'];
const sample = (name: string): string =>
  readFileSync(join(repository, `deploy/examples/policies/${name}.yaml`), 'utf8').replace('enforcement: Warn', 'enforcement: Deny');

type Count = { allowed: number; denied: number };

describe('manifests of agent projects', { skip: missing }, () => {
  const counts = new Map<string, Count>();
  let writ: Installation;
  before(async () => {
    writ = await installWrit({
      documents: {
        ...Object.fromEntries(policies.map((name) => [`policies/${name}.yaml`, sample(name)])),
        'tenants/acme.yaml': tenantText('acme', ['acme-prod']),
      },
      controlPlane: { controllerManager: false },
    });
    const worst = podOf({ namespace: 'acme-prod', image: 'agent:latest', limits: false, privileged: true });
    await until(
      async () => {
        const verdict = await verdictOf(writ.client, worst);
        return policies.every((name) => verdict.includes(`${name} (`));
      },
      { what: 'the samples to be enforced' },
    );
    // Manifests of one project use kinds of others.
    await install(projects.filter((project) => project !== LATER));
  });
  after(() => writ?.stop());

  const install = async (names: readonly string[]): Promise<void> => {
    const files = names.flatMap((name) => globSync(join(root, 'crds', name, '*.yaml'))).flatMap((file) => ['-f', file]);
    const applied = await writ.plane.kubectl(['apply', '--server-side', '--force-conflicts', ...files]);
    assert.equal(applied.code, 0, applied.stderr);
    const established = await writ.plane.kubectl(['wait', '--for=condition=Established', '--timeout=60s', ...files]);
    assert.equal(established.code, 0, established.stderr);
  };

  const discovered = new Map<string, readonly Json[]>();
  const resourceOf = async ({ apiVersion, kind }: Json): Promise<Resource> => {
    const groupVersion = String(apiVersion);
    const [version = '', group = ''] = groupVersion.split('/').toReversed();
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    return until(
      async () => {
        const known =
          discovered.get(groupVersion) ?? (await writ.client.request<{ resources: readonly Json[] }>({ method: 'GET', path })).resources;
        const found = known.find((each) => each['kind'] === kind && !String(each['name']).includes('/'));
        if (found === undefined) return undefined;
        discovered.set(groupVersion, known);
        return { group, version, kind: String(kind), plural: String(found['name']), namespaced: found['namespaced'] === true };
      },
      { what: `${groupVersion} ${String(kind)} to be served`, withinMs: 30_000 },
    );
  };

  /** The policies that deny it; throws where the API server refuses it for another reason. */
  const denials = async (resource: Resource, object: KubeObject): Promise<readonly string[]> => {
    try {
      await writ.client.create(resource, object, { dryRun: true });
      return [];
    } catch (error) {
      if (!(error instanceof KubeApiError) || !error.message.includes('validate.writ.dev')) throw error;
      const named = [...error.message.matchAll(/(?:^|\s)([a-z-]+) \((?:Invalid|Forbidden)\): /g)].map(([, name = '']) => name);
      assert.ok(named.length > 0, error.message);
      return [...new Set(named)].toSorted();
    }
  };

  const governed = (object: Json, namespaced: boolean): KubeObject => {
    const { namespace: _, ...metadata } = dig(object, 'metadata');
    const name = String(metadata['name'] ?? metadata['generateName']);
    return { ...object, metadata: { ...metadata, name, ...(namespaced ? { namespace: 'acme-prod' } : {}) } };
  };

  for (const project of projects) {
    it(`of ${project} get the verdict of a plain reading`, async () => {
      if (project === LATER) {
        await install([LATER]);
        discovered.clear();
      }
      const manifests = manifestsOf(project);
      assert.ok(manifests.length > 0);
      for (const { file, object } of manifests) {
        const resource = await resourceOf(object);
        const containers = containersOf(object);
        const said = await denials(resource, governed(object, resource.namespaced)).catch((error: unknown) => {
          throw new Error(`${file} ${resource.kind}: ${String(error)}`, { cause: error });
        });
        assert.deepEqual(said, containers === undefined ? [] : broken(containers), `${file} ${resource.kind}`);
        const count = counts.get(resource.kind) ?? { allowed: 0, denied: 0 };
        count[said.length === 0 ? 'allowed' : 'denied'] += 1;
        counts.set(resource.kind, count);
      }
    });
  }

  it('are many, and of both verdicts', (test) => {
    const all = [...counts.values()];
    const [allowed, denied] = [all.reduce((sum, count) => sum + count.allowed, 0), all.reduce((sum, count) => sum + count.denied, 0)];
    test.diagnostic(`${allowed + denied} objects: ${allowed} allowed, ${denied} denied`);
    for (const [kind, count] of [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      test.diagnostic(`${kind}: ${count.allowed} allowed, ${count.denied} denied`);
    }
    assert.ok(allowed > 50 && denied > 50 && allowed + denied >= 200, `${allowed} allowed, ${denied} denied`);
  });
});
