// SPDX-License-Identifier: Apache-2.0
/**
 * Makes one file of each process, which with Node alone is all that an image carries.
 *
 * In: the entry points and node_modules. Out: `build/bundle/{operator,webhook,writ}.mjs`; readable, since a stack trace from
 * production should be too. Run by `make bundle`. bundle.test.ts starts them from an empty folder.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Name of the bundle → its entry point. */
export const entryPoints = { operator: 'operator/main.ts', webhook: 'webhook/main.ts', writ: 'cli/main.ts' } as const;

export type BundleName = keyof typeof entryPoints;

// Packages that are CommonJS ask for `require`, which an ES module does not have by itself.
const banner = `import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);`;

/** Bundles the named processes into `folder`. */
export const bundle = async (names: readonly BundleName[], folder: string): Promise<void> => {
  await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(names.map((name) => [name, entryPoints[name]])),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    banner: { js: banner },
    keepNames: true,
    legalComments: 'eof',
    logLevel: 'warning',
  });
};

if (import.meta.main) {
  const names: readonly BundleName[] = ['operator', 'webhook', 'writ'];
  await bundle(names, `${root}build/bundle`);
  console.log(names.map((name) => `build/bundle/${name}.mjs`).join('\n'));
}
