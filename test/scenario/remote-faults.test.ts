// SPDX-License-Identifier: Apache-2.0
// A remote that fails is told and survived: what was enforced stays so, and when the remote is back nobody has to do
// anything. A remote that stands still costs the API server nothing.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  SYSTEM_NAMESPACE,
  configMaps,
  gitSources,
  leases,
  namespaces,
  policies,
  secrets,
  tenants,
  trustPolicies,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { bounded, pinned, policyText, tenantText } from './documents.ts';
import { sampleOf } from './exposition.ts';
import { freePort } from './free-port.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { sealedFiles } from './sealed-repository.ts';
import { conditionOf, eventsAbout, objectSays, readSource, sourceApplies, sourceRefuses } from './told.ts';
import { until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

const documents = {
  'policies/pinned.yaml': pinned,
  'policies/bounded.yaml': bounded,
  'tenants/acme.yaml': tenantText('acme', ['acme-prod']),
};

const GIT_SECRET = { namespace: SYSTEM_NAMESPACE, name: 'git-auth' };

describe('a remote', () => {
  let writ: Installation;
  let head: string;
  before(async () => {
    writ = await installWrit({ documents, interval: '1s', controlPlane: { controllerManager: false } });
    head = (await writ.repository.git(['rev-parse', 'main'])).trim();
    await sourceApplies(writ.client, head);
    await until(stillEnforced, { what: 'the base to be enforced' });
  });
  after(() => writ?.stop());

  const stillEnforced = async (): Promise<boolean> => {
    const verdict = await verdictOf(writ.client, podOf({ namespace: 'acme-prod', image: 'agent:latest' }));
    return verdict.includes('pinned (Invalid): pin every image by digest');
  };
  const isEvent = async (reason: string): Promise<boolean> =>
    (await eventsAbout(writ.client, { kind: 'GitSource', name: 'policies' })).some((event) => event.reason === reason);
  const patchSecret = (stringData: Readonly<Record<string, string>>): Promise<unknown> =>
    writ.client.patch(secrets, GIT_SECRET, { type: 'merge', body: { stringData } });

  const pointTo = (server: string): Promise<unknown> =>
    writ.client.patch(
      gitSources,
      { namespace: SYSTEM_NAMESPACE, name: 'policies' },
      { type: 'merge', body: { spec: { url: `${server}/policies.git` } } },
    );

  it('that stands still costs no write and no fetch', async () => {
    for (const name of ['pinned', 'bounded'])
      await objectSays(writ.client, { resource: policies, name }, { type: 'Ready', status: 'True' });
    const versions = async (): Promise<Record<string, string | undefined>> => {
      const all = [policies, trustPolicies, tenants, namespaces, gitSources, configMaps, secrets, validatingWebhookConfigurations];
      const lists = await Promise.all(all.map((resource) => writ.client.list<KubeObject>(resource)));
      return Object.fromEntries(
        lists.flatMap(({ items }, index) =>
          items.map(({ metadata }) => [`${all[index]?.plural} ${metadata.namespace ?? ''}/${metadata.name}`, metadata.resourceVersion]),
        ),
      );
    };
    const looks = async (): Promise<number> =>
      sampleOf(await writ.operator.metrics(), 'writ_source_syncs_total', { result: 'unchanged', source: 'writ-system/policies' });
    const eventCount = async (): Promise<number> => (await eventsAbout(writ.client, { kind: 'GitSource', name: 'policies' })).length;
    const [seen, from, told] = [await versions(), await looks(), await eventCount()];
    writ.git.resetCounts();
    await until(async () => (await looks()) >= from + 4, { what: 'four looks at the remote', withinMs: 20_000 });
    assert.deepEqual(await versions(), seen);
    assert.equal(await eventCount(), told);
    assert.equal(writ.git.counts.fetch, 0);
    // Looks within two seconds share one listing.
    assert.ok(writ.git.counts.list >= 1 && writ.git.counts.list <= 5, `${writ.git.counts.list} listings for about four looks`);
    // What may change is what says that processes live.
    const held = await writ.client.list<KubeObject>(leases, { namespace: SYSTEM_NAMESPACE });
    assert.deepEqual(held.items.map(({ metadata }) => metadata.name).toSorted(), ['writ-operator', 'writ-replica-one']);
  });

  type Fault = {
    readonly what: string;
    readonly code: string;
    readonly says: RegExp;
    readonly transient: boolean;
    readonly break: () => unknown;
    readonly mend: () => unknown;
  };
  const faults: readonly Fault[] = [
    {
      what: 'where nothing listens',
      code: 'SOURCE_UNREACHABLE',
      says: /SOURCE_UNREACHABLE: /,
      transient: true,
      break: async () => pointTo(`https://127.0.0.1:${await freePort()}`),
      mend: () => pointTo(writ.git.url),
    },
    {
      what: 'that is not available',
      code: 'SOURCE_UNREACHABLE',
      says: /SOURCE_UNREACHABLE: /,
      transient: true,
      break: () => {
        writ.git.intercept = (_request, response) => response.writeHead(503).end() !== undefined;
      },
      mend: () => {
        writ.git.intercept = undefined;
      },
    },
    {
      what: 'that no longer takes the credential',
      code: 'SOURCE_CREDENTIAL_REFUSED',
      says: /SOURCE_CREDENTIAL_REFUSED: .*secretRef/,
      transient: false,
      break: () => patchSecret({ password: 'wrong' }),
      mend: () => patchSecret({ password: 'correct-horse-battery' }),
    },
    {
      what: 'whose Secret is gone',
      code: 'SOURCE_SECRET_MISSING',
      says: /SOURCE_SECRET_MISSING: spec\.secretRef\.name: .*git-auth/,
      transient: true,
      break: () => writ.client.delete(secrets, GIT_SECRET),
      mend: () =>
        writ.client.create(secrets, {
          metadata: GIT_SECRET,
          stringData: { username: 'writ', password: 'correct-horse-battery', 'ca.crt': writ.git.ca ?? '' },
        } satisfies KubeObject & { stringData: unknown }),
    },
    {
      what: 'whose certificate is not trusted any more',
      code: 'SOURCE_TLS',
      says: /SOURCE_TLS: .*ca\.crt/,
      transient: false,
      break: () => writ.client.patch(secrets, GIT_SECRET, { type: 'merge', body: { data: { 'ca.crt': null } } }),
      mend: () => patchSecret({ 'ca.crt': writ.git.ca ?? '' }),
    },
    {
      what: 'whose branch vanished',
      code: 'SOURCE_REF_NOT_FOUND',
      says: /SOURCE_REF_NOT_FOUND: .*main/,
      transient: false,
      break: async () => {
        await writ.repository.git(['-C', writ.repository.dir, 'config', 'receive.denyDeleteCurrent', 'ignore']);
        await writ.repository.push(['main:refs/heads/aside', ':refs/heads/main'], { force: true });
      },
      mend: () => writ.repository.push(['main']),
    },
  ];
  for (const { what, code, says, transient, break: breakRemote, mend } of faults) {
    it(`${what}: ${code}, what was enforced stands, and it recovers by itself`, async () => {
      await breakRemote();
      try {
        const ready = await sourceRefuses(writ.client, code);
        assert.match(ready.message, says);
        const source = await readSource(writ.client);
        assert.equal(conditionOf(source, transient ? 'Reconciling' : 'Stalled')?.status, 'True');
        assert.ok(source.status?.lastAppliedRevision?.endsWith(head), 'what was applied is still told');
        assert.ok(sampleOf(await writ.operator.metrics(), 'writ_source_refusals_total', { code }) > 0);
        await until(() => isEvent(ready.reason), { what: `an event ${ready.reason}`, withinMs: 5_000 });
        assert.ok(await stillEnforced());
      } finally {
        await mend();
      }
      await sourceApplies(writ.client, head);
      assert.ok(await stillEnforced());
    });
  }

  it('whose history was rewritten is refused, by a new leader too, until the source is told to take any commit', async () => {
    const rewritten = policyText({
      name: 'pinned',
      version: 2,
      expression: 'size(workload.containers) == 0',
      message: 'said by the rewritten history',
    });
    const files = { 'trust.yaml': writ.trust, ...sealedFiles({ ...documents, 'policies/pinned.yaml': rewritten }, writ.signer) };
    const commit = await writ.repository.publish(files, { root: true, force: true });
    assert.equal((await writ.repository.git(['rev-list', '--count', 'main'])).trim(), '1');
    const ready = await sourceRefuses(writ.client, 'SOURCE_HISTORY_REWRITTEN');
    assert.ok(ready.message.includes(commit) && ready.message.includes(head), ready.message);
    assert.ok(await stillEnforced());
    await writ.operator.stop('SIGTERM');
    writ.operator = await writ.startOperator();
    await writ.operator.ready();
    await sourceRefuses(writ.client, 'SOURCE_HISTORY_REWRITTEN');
    const source = { namespace: SYSTEM_NAMESPACE, name: 'policies' };
    await writ.client.patch(gitSources, source, { type: 'merge', body: { spec: { history: 'Any' } } });
    await sourceApplies(writ.client, commit);
    await until(async () => (await verdictOf(writ.client, podOf({ namespace: 'acme-prod' }))).includes('said by the rewritten history'), {
      what: 'the rewritten commit to be enforced',
    });
  });
});
