// SPDX-License-Identifier: Apache-2.0
// The rules of the build, with a `go` that takes a moment instead of minutes; the real one runs before any test that
// needs a control plane.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { until } from '../scenario/until.ts';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';

const FAKE_GO = `#!/bin/sh
if [ "$1" = env ]; then printf '%s\\nlinux\\namd64\\n' "\${FAKE_GO_VERSION:-go1.26.0}"; exit; fi
echo "$$" >> "$FAKE_GO_RUNS"
echo "go: downloading k8s.io/kubernetes v1.36.3" >&2
if [ -n "$FAKE_GO_FAILS" ]; then echo "main.go:7:1: no such thing" >&2; exit 1; fi
if [ -n "$FAKE_GO_HANGS" ]; then sleep 600; fi
while [ "$1" != -o ]; do shift; done
sleep 0.3
echo built > "$2"
`;

describe('the build', () => {
  let folder: TemporaryFolder;
  const runsFile = (): string => join(folder.path, 'runs');
  const cache = (): string => join(folder.path, 'cache', 'writ', 'control-plane');

  beforeEach(async () => {
    folder = await temporaryFolder();
    await mkdir(join(folder.path, 'bin'));
    await writeFile(join(folder.path, 'bin', 'go'), FAKE_GO, { mode: 0o755 });
    await writeFile(runsFile(), '');
  });
  afterEach(() => folder.remove());

  const start = (env: NodeJS.ProcessEnv = {}) => {
    const code = `import { ensureBuilt } from './go-build.ts'; console.log(await ensureBuilt());`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
      cwd: import.meta.dirname,
      env: {
        ...process.env,
        PATH: [join(folder.path, 'bin'), process.env['PATH']].join(delimiter),
        XDG_CACHE_HOME: join(folder.path, 'cache'),
        FAKE_GO_RUNS: runsFile(),
        ...env,
      },
    });
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const ended = once(child, 'close').then(([code]) => ({ code: Number(code), out: out.trim(), errors }));
    const saidError = async (text: string): Promise<void> => {
      while (!errors.includes(text)) await once(child.stderr, 'data');
    };
    return { child, ended, saidError };
  };
  const runs = async (): Promise<string[]> => (await readFile(runsFile(), 'utf8')).split('\n').filter((line) => line !== '');
  const firstRun = async (): Promise<number> => {
    const changes = watch(runsFile());
    while ((await runs()).length === 0) await once(changes, 'change');
    changes.close();
    return Number((await runs())[0]);
  };

  it('happens once: whoever comes at the same time waits, whoever comes later finds it', async () => {
    const both = await Promise.all([start().ended, start().ended]);
    const later = await start().ended;
    const paths = [...both, later].map(({ out }) => out);
    assert.equal(new Set(paths).size, 1, paths.join('\n'));
    assert.equal(await readFile(later.out, 'utf8'), 'built\n');
    assert.match(both.map(({ errors }) => errors).join(''), /takes five to ten minutes/);
    assert.equal(later.errors, '');
    assert.equal((await runs()).length, 1);
  });

  it('happens again for another Go', async () => {
    const one = await start().ended;
    const other = await start({ FAKE_GO_VERSION: 'go1.27.1' }).ended;
    assert.notEqual(one.out, other.out);
    assert.equal((await runs()).length, 2);
  });

  it('that fails says why, and leaves nothing that looks built', async () => {
    const { code, errors } = await start({ FAKE_GO_FAILS: 'yes' }).ended;
    assert.equal(code, 1);
    assert.match(errors, /go build ended with exit code 1[^]*main\.go:7:1: no such thing/);
    assert.deepEqual(await readdir(cache()), ['lock']);
  });

  it('of a killed process ends with it, and the one that waited takes over', { timeout: 30_000 }, async () => {
    const holder = start({ FAKE_GO_HANGS: 'yes' });
    const compiler = await firstRun();
    const waiting = start();
    await waiting.saidError('another process builds the control plane');
    holder.child.kill('SIGKILL');
    const { code, out, errors } = await waiting.ended;
    assert.equal(code, 0, errors);
    assert.equal(await readFile(out, 'utf8'), 'built\n');
    // It is dead already, but its new parent may take a moment to notice.
    const gone = (): boolean => {
      try {
        return !process.kill(compiler, 0);
      } catch {
        return true;
      }
    };
    await until(async () => gone(), { what: 'the compiler to be gone', withinMs: 20_000 });
  });

  it('removes what nobody used for two weeks', async () => {
    await mkdir(cache(), { recursive: true });
    const [old, recent] = [join(cache(), 'v1.30.0-old'), join(cache(), 'v1.36.0-recent')];
    await Promise.all([writeFile(old, ''), writeFile(recent, '')]);
    const threeWeeksAgo = new Date(Date.now() - 21 * 24 * 60 * 60 * 1000);
    await utimes(old, threeWeeksAgo, threeWeeksAgo);
    await start().ended;
    const left = await readdir(cache());
    assert.ok(!left.includes('v1.30.0-old') && left.includes('v1.36.0-recent'), left.join(' '));
  });
});
