// SPDX-License-Identifier: Apache-2.0
// One file for each process, as the images carry them: `make bundle` writes build/bundle/operator.mjs and webhook.mjs.
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

const ENTRIES = { operator: 'operator/main.ts', webhook: 'webhook/main.ts' } as const;

// CommonJS packages inside an ES module want `require` for Node's own modules.
const REQUIRE = "import { createRequire as writCreateRequire } from 'node:module'; const require = writCreateRequire(import.meta.url);";

export const bundle = async (outdir: string): Promise<Readonly<Record<keyof typeof ENTRIES, string>>> => {
  await build({
    absWorkingDir: root,
    entryPoints: ENTRIES,
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    // Names stay: stack traces of production are read by people.
    keepNames: true,
    legalComments: 'linked',
    logLevel: 'warning',
    banner: { js: REQUIRE },
  });
  return { operator: `${outdir}/operator.mjs`, webhook: `${outdir}/webhook.mjs` };
};

if (import.meta.main) {
  const files = await bundle(`${root}build/bundle`);
  for (const [name, file] of Object.entries(files)) {
    process.stdout.write(`${name.padEnd(10)}${((await stat(file)).size / 1e6).toFixed(1)} MB  build/bundle/${name}.mjs\n`);
  }
}
