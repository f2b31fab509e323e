// SPDX-License-Identifier: Apache-2.0
// The operator's log and a witness in a process of its own: what is cosigned, and that two histories never are.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLogFolder } from '../../operator/audit/log-folder.ts';
import { openTestAudit, signer, NAME } from '../../operator/audit/test-audit.ts';
import { createWitnesses } from '../../operator/audit/witnesses.ts';
import { openCheckpoint } from '../../policies/transparency/signed-checkpoint.ts';
import { readVerifierKey } from '../../policies/transparency/note.ts';
import { systemClock } from '../../process/clock.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'writ-witness-'));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const startWitness = async ({ state = 'witness', listen = '127.0.0.1:0' } = {}) => {
  const args = [
    'audit',
    'witness',
    '--state',
    join(folder, state),
    '--name',
    'witness.example/ci',
    '--log',
    signer.key.text,
    '--listen',
    listen,
  ];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let vkey = '';
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('verifier key ')) vkey = line.slice('verifier key '.length);
    const url = /^listening on (http:\/\/127\.0\.0\.1:\d+\/)add-checkpoint$/.exec(line)?.[1];
    if (url === undefined) continue;
    const key = readVerifierKey(vkey) ?? assert.fail(vkey);
    const stop = async (): Promise<void> => {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      assert.deepEqual(await closed, [0, null]);
    };
    return { url, key, stop, told: () => told };
  }
  throw new Error(`no witness: ${told}`);
};

/** A log of that folder; what the witness was asked for in vain is among its problems. */
const openLog = async (name: string, witness: { readonly url: string; readonly key: NonNullable<ReturnType<typeof readVerifierKey>> }) => {
  const problems: string[] = [];
  const files = createLogFolder(join(folder, name, 'audit'));
  const cosign = createWitnesses({
    witnesses: [witness],
    files,
    signer,
    signal: new AbortController().signal,
    onProblem: ({ message }) => void problems.push(message),
  });
  const test = await openTestAudit({ folder: join(folder, name), clock: systemClock, cosign });
  const cosigned = (): number => {
    const outcome = openCheckpoint(readFileSync(join(folder, name, 'audit/root/checkpoint')), {
      keys: [signer.key],
      witnesses: [witness.key],
      quorum: 0,
    });
    return outcome.ok ? outcome.checkpoint.cosigned.length : -1;
  };
  const add = async (actor: string): Promise<void> => {
    test.audit.tell({ action: 'test.done', actor });
    await test.audit.publish();
  };
  return { ...test, add, cosigned, refused: problems };
};

const mkdir = (name: string): void => mkdirSync(join(folder, name));

describe('a witness', () => {
  it('cosigns a log that grows, over restarts of both, and never a second history', async () => {
    let witness = await startWitness();
    await assert.rejects(startWitness(), /another witness runs in this folder/);
    const taken = new URL(witness.url).host;
    await assert.rejects(startWitness({ state: 'other', listen: taken }), /error: --listen [\d.:]+: another process listens there\n$/);
    mkdir('log');
    let log = await openLog('log', witness);
    for (const actor of ['a', 'b', 'c']) await log.add(actor);
    assert.deepEqual([log.cosigned(), log.refused], [1, []]);
    await log.close();
    await witness.stop();

    const { text } = witness.key;
    witness = await startWitness();
    assert.equal(witness.key.text, text, 'the key is kept');
    log = await openLog('log', witness);
    await log.add('d');
    assert.deepEqual([log.cosigned(), log.refused], [1, []], 'it says which size it knows, and the proof starts there');
    await log.close();

    // The same key, another history of more entries, and one of fewer.
    mkdir('fork');
    const fork = await openLog('fork', witness);
    for (const actor of ['a', 'b', 'forged']) await fork.add(actor);
    assert.equal(fork.cosigned(), 0);
    assert.match(fork.refused.at(-1) ?? '', /has cosigned 4 entries, the root log has 3/);
    await fork.add('d');
    assert.match(fork.refused.at(-1) ?? '', /answers 409|another history/);
    await fork.add('e');
    assert.match(fork.refused.at(-1) ?? '', /was shown another history of the root log before/);
    assert.equal(fork.cosigned(), 0);
    assert.match(witness.told(), /refused with 422: the 5 entries do not begin with the 4 that were cosigned before/);
    await fork.close();

    const post = async (body: string): Promise<number> =>
      (await fetch(new URL('add-checkpoint', witness.url), { method: 'POST', body })).status;
    assert.equal(await post('old 0\n'), 400);
    assert.equal(await post(`old 4\n\n${NAME}\n4\nAAAA\n`), 400);
    assert.equal(await post('x'.repeat(300_000)), 413);
    assert.equal((await fetch(witness.url)).status, 404);
    await witness.stop();
  });

  it('that is gone does not stop the log', async () => {
    mkdir('alone');
    const witness = await startWitness();
    await witness.stop();
    const log = await openLog('alone', witness);
    await log.add('a');
    assert.deepEqual([log.cosigned(), log.refused.length], [0, 1]);
    assert.deepEqual(log.verify(['root', 'cluster']).problems, []);
    await log.close();
  });
});
