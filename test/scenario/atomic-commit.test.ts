// SPDX-License-Identifier: Apache-2.0
// A commit is enforced as one thing. Every commit here replaces three policies that all deny, each with the commit's
// number: whatever breaks while it is applied, no answer may name two numbers, and the end is the last commit.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { SYSTEM_NAMESPACE, policies } from '../../crds/kinds.ts';
import { startFaultProxy } from '../cluster/fault-proxy.ts';
import type { FaultProxy } from '../cluster/fault-proxy.ts';
import type { Fault } from '../cluster/fault-script.ts';
import { policyText, tenantText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { sourceApplies } from './told.ts';
import type { ToldObject } from './told.ts';
import { breath, until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

const denying = (name: string, commit: number): Record<string, string> => ({
  [`policies/${name}.yaml`]: policyText({
    name,
    version: commit,
    expression: 'size(workload.containers) == 0',
    message: `commit ${commit}`,
  }),
});
const documentsOf = (commit: number): Record<string, string> => ({
  ...denying('alpha', commit),
  ...denying('beta', commit),
  ...denying(`extra-${commit}`, commit),
});

/** The commit that an answer was given by; throws where it is a mixture. */
const commitIn = (verdict: string): number => {
  const spoke = [...verdict.matchAll(/(\S+) \(Invalid\): commit (\d+)/g)].map(([, name = '', number]) => ({
    name,
    number: Number(number),
  }));
  const number = spoke[0]?.number ?? 0;
  assert.deepEqual(
    spoke.map((each) => [each.name, each.number]),
    [
      ['alpha', number],
      ['beta', number],
      [`extra-${number}`, number],
    ],
    verdict,
  );
  return number;
};

/** Asks all the while until it is stopped, and once more; every whole answer counts, in order. */
const hammer = (ask: () => Promise<string>): { readonly stop: () => Promise<readonly number[]> } => {
  const answers: number[] = [];
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    let last = 0;
    for (let isLast = false; !isLast; await breath()) {
      isLast = stopping.signal.aborted;
      // No answer, while the API server is away, is no verdict.
      const verdict = await ask().catch(() => undefined);
      if (verdict === undefined) continue;
      const commit = commitIn(verdict);
      assert.ok(commit >= last, `commit ${commit} answered after ${last}`);
      last = commit;
      answers.push(commit);
    }
  };
  const workers = Promise.all([run(), run()]);
  workers.catch(() => undefined); // told by stop()
  return {
    stop: async () => {
      stopping.abort();
      await workers;
      return answers;
    },
  };
};

const QUICK_LEASE = { 'lease-duration': '4s', 'lease-renew-deadline': '3s', 'lease-retry-period': '500ms' };

describe('a commit', () => {
  let writ: Installation;
  let proxy: FaultProxy;
  let current = 1;
  before(async () => {
    writ = await installWrit({
      documents: { ...documentsOf(1), 'tenants/acme.yaml': tenantText('acme', ['acme-prod']) },
      controlPlane: { controllerManager: false },
      operatorFlags: QUICK_LEASE,
    });
    const { stdout } = await writ.plane.kubectl(['create', 'token', 'writ-operator', '-n', SYSTEM_NAMESPACE]);
    proxy = await startFaultProxy({ target: writ.plane, token: stdout.trim() });
    await writ.operator.stop('SIGTERM');
    await startOperator();
    await until(async () => (await ask()) !== 'allowed' && (await enforced()) === 1, { what: 'the first commit to be enforced' });
  });
  after(async () => {
    await writ?.stop();
    await proxy?.close();
  });
  afterEach(async () => {
    proxy.script([]);
    if (!writ.operator.running) await startOperator();
  });

  const ask = (): Promise<string> => verdictOf(writ.client, podOf({ namespace: 'acme-prod' }));
  const enforced = async (): Promise<number> => commitIn(await ask());
  const startOperator = async (): Promise<void> => {
    writ.operator = await writ.startOperator({ kubeconfig: proxy.kubeconfig });
    await writ.operator.ready();
  };
  const pushNext = async (notify = true): Promise<string> => {
    current += 1;
    return writ.push({ ...documentsOf(current), [`policies/extra-${current - 1}.yaml`]: null }, { notify });
  };
  const settled = async (commit: string): Promise<void> => {
    await sourceApplies(writ.client, commit);
    await until(async () => (await enforced()) === current, { what: `commit ${current} to be enforced`, withinMs: 20_000 });
    const { items } = await writ.client.list<ToldObject>(policies);
    // Ready says that the deletions, which come last, are done too.
    assert.deepEqual(
      items.map(({ metadata, signature }) => [metadata.name, /commit (\d+)/.exec(signature?.document ?? '')?.[1]]),
      ['alpha', 'beta', `extra-${current}`].map((name) => [name, String(current)]),
    );
  };

  it('replaces the one before in one step, ten times under load', async () => {
    const load = hammer(ask);
    let commit = '';
    for (let push = 0; push < 10; push += 1) {
      commit = await pushNext();
      // Every other one is overtaken by the next.
      if (push % 2 === 0) await until(async () => (await enforced()) === current, { what: `commit ${current} to be enforced` });
    }
    await settled(commit);
    const answers = await load.stop();
    const seen = new Set(answers);
    assert.ok(seen.size >= 5, `only commits ${[...seen].join(', ')} were met by ${answers.length} answers`);
  });

  const write = (path: string): string => `^/apis?/[^?]*/${path}(\\?(?!.*dryRun)|$)`;
  const points: readonly (readonly [what: string, match: { method: string; path: string }, fault: Fault])[] = [
    ['after its first write, unanswered', { method: 'PATCH', path: write('policies/alpha') }, { kind: 'lose-answer' }],
    ['between two policies', { method: 'PATCH', path: write('policies/beta') }, { kind: 'stall' }],
    ['before the inventory', { method: 'PATCH', path: write('configmaps/writ-inventory-.*') }, { kind: 'stall' }],
    ['before the deletions', { method: 'DELETE', path: write('policies/extra-.*') }, { kind: 'stall' }],
  ];
  for (const [what, match, fault] of points) {
    it(`whose operator is killed ${what} is never half in force, and is finished by the next operator`, async () => {
      const standing = current;
      const load = hammer(ask);
      proxy.script([{ match, count: Number.POSITIVE_INFINITY, fault }]);
      const seen = proxy.requests.length;
      const commit = await pushNext();
      await until(async () => proxy.requests.slice(seen).some((request) => request.fault !== undefined), { what: 'the fault to be met' });
      await writ.operator.stop('SIGKILL');
      proxy.script([]);
      const after = await enforced();
      assert.ok(after === standing || (match.method === 'DELETE' && after === current), `${after} is in force`);
      await startOperator();
      await settled(commit);
      const answers = await load.stop();
      assert.ok(answers.includes(standing) && answers.includes(current), 'the load met both commits');
    });
  }

  it('that is half written closes a webhook that starts then, and is finished', async () => {
    proxy.script([{ match: { method: 'PATCH', path: write('policies/beta') }, count: Number.POSITIVE_INFINITY, fault: { kind: 'stall' } }]);
    const seen = proxy.requests.length;
    const commit = await pushNext();
    await until(async () => proxy.requests.slice(seen).some((request) => request.fault !== undefined), { what: 'the fault to be met' });
    await writ.operator.stop('SIGKILL');
    await writ.webhook.stop('SIGKILL');
    writ.webhook = await writ.startWebhook();
    await until(async () => (await ask()).includes('WEBHOOK_NOT_READY'), { what: 'the fresh webhook to be closed', withinMs: 20_000 });
    assert.equal((await fetch(`${writ.webhook.endpoint}/readyz`)).ok, false);
    proxy.script([]);
    await startOperator();
    await until(async () => !(await ask()).includes('WEBHOOK_NOT_READY'), { what: 'the webhook to open', withinMs: 20_000 });
    await settled(commit);
    await writ.webhook.ready();
  });

  it('during which the API server crashes and comes back is finished', async () => {
    const standing = current;
    const load = hammer(ask);
    proxy.script([{ match: { method: 'PATCH', path: write('policies/beta') }, fault: { kind: 'delay', delayMs: 30_000 } }]);
    const seen = proxy.requests.length;
    const commit = await pushNext();
    await until(async () => proxy.requests.slice(seen).some((request) => request.fault !== undefined), { what: 'the second write' });
    await writ.plane.stopApiServer({ signal: 'SIGKILL' });
    proxy.dropConnections();
    await writ.plane.startApiServer();
    await settled(commit);
    const answers = await load.stop();
    assert.ok(answers.includes(standing) && answers.includes(current));
  });
});
