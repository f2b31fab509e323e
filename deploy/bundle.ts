// SPDX-License-Identifier: Apache-2.0
// One file for each process, as the images carry them: `make bundle` writes build/bundle/operator.mjs and webhook.mjs.
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

const ENTRIES = { operator: 'operator/main.ts', webhook: 'webhook/main.ts' } as const;

// CommonJS packages inside an ES module want `require` for Node's own modules.
const REQUIRE = "import { createRequire as writCreateRequire } from 'node:module'; const require = writCreateRequire(import.meta.url);";

type Program = keyof typeof ENTRIES;

const bundleOne = async (program: Program, outdir: string): Promise<string> => {
  await build({
    absWorkingDir: root,
    entryPoints: { [program]: ENTRIES[program] },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    // Identifiers are not shortened: stack traces of production are read by people. Packages of the operator go by the names of classes,
    // of which two may be one otherwise. In the webhook each closure would be given its name whenever it is made, a sixth of
    // all that a review costs.
    keepNames: program === 'operator',
    legalComments: 'linked',
    logLevel: 'warning',
    banner: { js: REQUIRE },
  });
  return `${outdir}/${program}.mjs`;
};

export const bundle = async (outdir: string): Promise<Readonly<Record<Program, string>>> => {
  const [operator, webhook] = await Promise.all([bundleOne('operator', outdir), bundleOne('webhook', outdir)]);
  return { operator, webhook };
};

if (import.meta.main) {
  const files = await bundle(`${root}build/bundle`);
  for (const [name, file] of Object.entries(files)) {
    process.stdout.write(`${name.padEnd(10)}${((await stat(file)).size / 1e6).toFixed(1)} MB  build/bundle/${name}.mjs\n`);
  }
}
