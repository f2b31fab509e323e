// SPDX-License-Identifier: Apache-2.0
// What the images promise, as far as it can be proved without a container engine: one file starts from an empty folder with
// nothing but Node, and never makes code from strings.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { digestOf } from '../policies/document/digest.ts';
import { startTethered } from '../test/cluster/tethered-process.ts';
import { freePort } from '../test/scenario/free-port.ts';
import { until } from '../test/scenario/until.ts';
import { createSigstore } from '../test/sigstore/index.ts';
import { bundle } from './bundle.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'writ-bundle-'));
  await bundle(folder);
});
after(() => rm(folder, { recursive: true, force: true }));

const run = (args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['--disallow-code-generation-from-strings', ...args], { cwd: folder, env: {} }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, text: stdout + stderr }),
    );
  });

for (const program of ['operator', 'webhook'] as const) {
  describe(`the bundle of the ${program}`, () => {
    it('tells its flags and refuses unknown ones', async () => {
      const help = await run([`${program}.mjs`, '--help']);
      assert.equal(help.code, 0);
      assert.match(help.text, /--trust-digest/);
      const wrong = await run([`${program}.mjs`, '--trust-digst=x']);
      assert.equal(wrong.code, 2);
      assert.match(wrong.text, /unknown flag --trust-digst.*trust-digest/s);
      assert.doesNotMatch(wrong.text, /^\s+at /m);
    });

    it('is what its worker threads run, and proves keyless seals there', async () => {
      const sigstore = createSigstore();
      const bytes = Buffer.from('a document');
      const identity = { issuer: 'https://i.example.com', subject: 's@example.com' };
      const bundleText = JSON.stringify(sigstore.seal({ content: { message: bytes }, identity, atMs: Date.UTC(2026, 0, 1) }));
      const root = sigstore.trustedRoot();
      const task = { key: 'k', rootDigest: digestOf(root), bundle: bundleText };
      const script = `
        import { Worker } from 'node:worker_threads';
        const bytes = Buffer.from('${bytes.toString('base64')}', 'base64');
        const root = Buffer.from('${root.toString('base64')}', 'base64');
        const worker = new Worker(new URL('./${program}.mjs', import.meta.url));
        worker.on('message', (answer) => { process.stdout.write(JSON.stringify(answer)); process.exit(0); });
        worker.postMessage({ id: 7, task: { ...${JSON.stringify(task)}, bytes, root } });`;
      await writeFile(join(folder, `ask-${program}.mjs`), script);
      const { code, text } = await run([`ask-${program}.mjs`]);
      assert.equal(text, JSON.stringify({ id: 7, outcome: { ok: true, timesMs: [Date.UTC(2026, 0, 1) + 1000] } }));
      assert.equal(code, 0);
    });

    it('starts without a cluster, says what is missing, ends on SIGTERM', async () => {
      const port = await freePort();
      const home = join(folder, program);
      await mkdir(home);
      // A cluster that nobody serves: the process lives, is not ready, and keeps trying.
      const kubeconfig = join(home, 'kubeconfig');
      const cluster = { name: 'c', cluster: { server: `https://127.0.0.1:${await freePort()}` } };
      const context = { name: 'c', context: { cluster: 'c', user: 'u' } };
      await writeFile(
        kubeconfig,
        JSON.stringify({ clusters: [cluster], contexts: [context], users: [{ name: 'u', user: { token: 't' } }], 'current-context': 'c' }),
      );
      const flags = { kubeconfig, 'trust-digest': DIGEST, 'metrics-address': `127.0.0.1:${port}` };
      const more =
        program === 'operator' ? { 'receiver-address': '127.0.0.1:0', 'cache-dir': home } : { address: '127.0.0.1:0', 'drain-delay': '0' };
      const logFile = join(home, 'log');
      const child = await startTethered({
        command: [
          process.execPath,
          '--disallow-code-generation-from-strings',
          `${program}.mjs`,
          ...Object.entries({ ...flags, ...more }).map(([name, value]) => `--${name}=${value}`),
        ],
        cwd: folder,
        logFile,
        env: {},
      });
      try {
        const [health, ready] = await until(
          async () => Promise.all([fetch(`http://127.0.0.1:${port}/healthz`), fetch(`http://127.0.0.1:${port}/readyz`)]),
          { what: 'the endpoint' },
        );
        assert.equal(health.status, 200);
        assert.equal(ready.status, 503);
        assert.match(await ready.text(), /\[-\]/);
      } finally {
        await child.stop('SIGTERM', 20_000);
      }
      assert.equal(await child.exited, 'exit code 0', await readFile(logFile, 'utf8'));
    });
  });
}

it('the Dockerfile runs these files, as nobody, with that flag', async () => {
  const text = await readFile(fileURLToPath(new URL('../Dockerfile', import.meta.url)), 'utf8');
  for (const program of ['operator', 'webhook']) {
    assert.match(text, new RegExp(`FROM \\S+@sha256:[0-9a-f]{64} AS ${program}`));
    assert.match(text, new RegExp(`ENTRYPOINT \\[.*"--disallow-code-generation-from-strings", "/app/${program}.mjs"\\]`));
  }
  assert.equal(text.match(/^USER 65532:65532$/gm)?.length, 2);
});
