// SPDX-License-Identifier: Apache-2.0
// The overlay of docs/install.md is what people write first: it builds on the base and on the ledger, and says the same on both.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { findKubectl } from '../test/cluster/programs.ts';

type Deployment = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly [
          { readonly args: readonly string[]; readonly env: readonly { readonly name: string; readonly value?: string }[] },
        ];
      };
    };
  };
};

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The overlay, and what is added to its patches for billing. */
const shownOverlays = (): readonly string[] =>
  (readFileSync(folder('../docs/install.md'), 'utf8').match(/```yaml\n[\s\S]*?```/g) ?? [])
    .map((block) => block.slice('```yaml\n'.length, -'```'.length))
    .filter((text) => text.startsWith('# kustomization.yaml'));

const built = async (own: string): Promise<readonly Deployment[]> => {
  const [program = '', ...words] = await findKubectl();
  const text = execFileSync(program, [...words, 'kustomize', own], { encoding: 'utf8', maxBuffer: 32 * 1024 * 1024 });
  return parseAllDocuments(text)
    .map((document): Deployment => document.toJS())
    .filter(({ kind }) => kind === 'Deployment');
};

describe('the overlay of docs/install.md', () => {
  for (const resource of ['base', 'overlays/ledger'])
    it(`builds on deploy/${resource}`, async (context) => {
      const [overlay = '', billing = ''] = shownOverlays();
      assert.ok(overlay.includes('[../writ/deploy/base]'), overlay);
      const own = await realpath(await mkdtemp(join(tmpdir(), 'writ-overlay-')));
      context.after(() => rm(own, { recursive: true }));
      const text = overlay.replace('../writ/deploy/base', relative(own, folder(resource)));
      await writeFile(join(own, 'kustomization.yaml'), text + billing);
      const deployments = await built(own);
      assert.deepEqual(deployments.map(({ metadata }) => metadata.name).toSorted(), ['writ-operator', 'writ-webhook']);
      for (const { metadata, spec } of deployments) {
        const [{ args, env }] = spec.template.spec.containers;
        assert.match(env.find(({ name }) => name === 'TRUST_DIGEST')?.value ?? '', /^sha256:/, metadata.name);
        assert.equal(args.includes('--stripe-secret=stripe'), metadata.name === 'writ-operator');
        // The kubelet leaves $(NAME) as it is written where NAME comes later.
        for (const [index, { name, value = '' }] of env.entries())
          for (const [, named] of value.matchAll(/\$\((\w+)\)/g))
            assert.ok(
              env.slice(0, index).some((one) => one.name === named),
              `${metadata.name}: ${name} names ${named}`,
            );
      }
    });
});
