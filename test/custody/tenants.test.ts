// SPDX-License-Identifier: Apache-2.0
// Tenants that come under seal, on a real API server: a trust policy that begins to name the kind when they stand already, and an
// administrator of the cluster who would widen the bounds of one, bring back an older one, or one that has ended, also after its
// deletion, from a backup, and after replica and operator began anew. Each is refused, and no bound moves.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { MARKS_NAME, SYSTEM_NAMESPACE, configMaps, tenants } from '../../crds/kinds.ts';
import { decodeMarks, encodeMarks } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { seal } from '../../policies/trust/seal.ts';
import { tenantText } from '../scenario/documents.ts';
import { createSigner, digestOf } from '../scenario/sealed-repository.ts';
import type { Signer } from '../scenario/sealed-repository.ts';
import { sourceApplies, sourceRefuses } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { podOf, verdictOf } from '../scenario/verdict.ts';
import { assertRefused, sealedObject, startDrill } from './drill.ts';
import type { Attempt, Drill } from './drill.ts';

const board = createSigner('board');

const trustAt = (version: number, platform: Signer, kinds: readonly string[]): string =>
  `${JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: {
      version,
      principals: [platform, board].map(({ name, publicPem }) => ({ name, publicKeys: [{ pem: publicPem }] })),
      rules: [
        { kinds, allOf: [{ threshold: 1, principals: [platform.name] }] },
        { kinds: ['TrustPolicy'], allOf: [{ threshold: 1, principals: ['board'] }] },
      ],
      unsigned: 'Deny',
    },
  })}\n`;

const registries = (prefix: string): string => `  images: {registries: [{prefix: ${prefix}}]}\n`;
const narrow = registries('ghcr.io/acme/');
const acmeAt = (version: number, more = narrow): string => tenantText('acme', ['acme-prod'], `  version: ${version}\n${more}`);
const visitorAt = (version: number, deletionPolicy = 'Orphan'): string =>
  `apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: visitor}\nspec: {version: ${version}, deletionPolicy: ${deletionPolicy}}\n`;

const merge = (body: object): string[] => ['--type=merge', '-p', JSON.stringify(body)];
const BY_HAND = ['apply', '--server-side', '--force-conflicts', '-f', '-'];

describe('a sealed Tenant', { timeout: 300_000 }, () => {
  let drill: Drill;
  /** Of the day before its bounds were narrowed once more. */
  let backup: { readonly tenants: string; readonly marks: string };
  before(async () => {
    drill = await startDrill({ trust: (signer) => trustAt(1, signer, ['Policy']) });
  });
  after(() => drill?.writ.stop());

  const object = (document: string, name = 'acme'): string => sealedObject(drill.writ, document, 'Tenant', name);
  const apply = (document: string, name = 'acme'): Promise<Attempt> => drill.kubectl(BY_HAND, object(document, name));
  const done = async (attempt: Promise<Attempt>): Promise<void> => {
    const { code, said } = await attempt;
    assert.equal(code, 0, said);
  };
  const readMarks = async (): Promise<readonly Mark[]> =>
    decodeMarks(await drill.writ.client.get<KubeObject>(configMaps, { namespace: SYSTEM_NAMESPACE, name: MARKS_NAME })) ?? [];
  const marked = (name: string, version: number, more: Partial<Mark> = {}): Promise<unknown> =>
    until(
      async () => {
        const mark = (await readMarks()).find((one) => one.kind === 'Tenant' && one.name === name);
        return mark?.version === version && mark.gone === more.gone && mark.mayEnd === more.mayEnd;
      },
      { what: `the mark of ${name} to say version ${version} ${JSON.stringify(more)}` },
    );
  const files = (entries: Readonly<Record<string, readonly [string, Signer]>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(entries).flatMap(([path, [text, by]]) => [
        [path, text],
        [`${path}.sigstore.json`, seal(Buffer.from(text), by.privateKey)],
      ]),
    );
  const pushTenant = (document: string): Promise<string> =>
    drill.writ.push(files({ 'tenants/acme.yaml': [document, drill.writ.signer] }), { sealed: false });
  /** An image from a registry that is not the tenant's. */
  const stranger = (): Promise<string> => verdictOf(drill.writ.client, podOf({ namespace: 'acme-prod' }));

  it('comes in the place of one without a seal, once the trust policy names the kind, and is marked', async () => {
    assert.equal(await stranger(), 'allowed');
    const trust = trustAt(2, drill.writ.signer, ['Policy', 'Tenant']);
    const commit = await drill.writ.push(
      files({
        'trust.yaml': [trust, board],
        'trust/1.yaml': [drill.writ.trust, board],
        'tenants/acme.yaml': [acmeAt(3), drill.writ.signer],
      }),
      { sealed: false },
    );
    await sourceApplies(drill.writ.client, commit);
    await marked('acme', 3);
    await until(async () => (await stranger()).includes('registr'), { what: 'the bounds of acme to hold' });
    const [tenantList, marks] = await Promise.all([
      drill.writ.plane.kubectl(['get', 'tenants', '-o', 'yaml']),
      drill.writ.plane.kubectl(['get', 'configmap', MARKS_NAME, '-n', SYSTEM_NAMESPACE, '-o', 'yaml']),
    ]);
    const anew = (text: string): string => text.replaceAll(/^ +(resourceVersion|uid|creationTimestamp|generation): .*\n/gm, '');
    backup = { tenants: anew(tenantList.stdout), marks: anew(marks.stdout) };
    await sourceApplies(drill.writ.client, await pushTenant(acmeAt(4)));
    await marked('acme', 4);
  });

  describe('is not moved by an administrator', () => {
    let bounds: string;
    beforeEach(async () => {
      bounds ??= await stranger();
      assert.match(bounds, /registr/);
      assert.equal(await stranger(), bounds);
    });
    const wider = { spec: { images: { registries: [{ prefix: 'registry.example.com/' }] } } };
    const unsealed = (): string => {
      const { signature: _, spec, ...rest } = JSON.parse(object(acmeAt(4)));
      return JSON.stringify({ ...rest, spec: { ...spec, version: 5, ...wider.spec } });
    };
    type Row = readonly [what: string, deed: () => Promise<Attempt>, code: string, place: RegExp];
    const attempts: readonly Row[] = [
      [
        'edits it',
        () => drill.edit(['tenant', 'acme'], 's#ghcr.io/acme/#registry.example.com/#'),
        '(SPEC_DIFFERS|SEAL_DIGEST_MISMATCH)',
        /spec\.images|tenants\/acme\.yaml/,
      ],
      ['patches its spec', () => drill.kubectl(['patch', 'tenant', 'acme', ...merge(wider)]), 'SPEC_DIFFERS', /spec\.images/],
      [
        'patches its bytes',
        () =>
          drill.kubectl(['patch', 'tenant', 'acme', ...merge({ signature: { document: acmeAt(5, registries('registry.example.com/')) } })]),
        'SEAL_DIGEST_MISMATCH',
        /tenants\/acme\.yaml/,
      ],
      [
        'takes its seal off',
        () => drill.kubectl(['patch', 'tenant', 'acme', ...merge({ signature: null })]),
        'POLICY_UNSIGNED',
        /signature/,
      ],
      ['applies another spec server-side', () => drill.kubectl(BY_HAND, unsealed()), 'SPEC_DIFFERS', /spec\./],
      ['replaces it by one without a seal', () => drill.kubectl(['replace', '-f', '-'], unsealed()), 'POLICY_UNSIGNED', /signature/],
      [
        'replaces it by force',
        () => drill.kubectl(['replace', '--force', '-f', '-'], unsealed()),
        'REMOVAL_UNSEALED',
        /tenants\/acme\.yaml/,
      ],
      ['deletes it', () => drill.kubectl(['delete', 'tenant', 'acme', '--wait=false']), 'REMOVAL_UNSEALED', /tenants\/acme\.yaml/],
      ['applies the version before', () => apply(acmeAt(3)), 'POLICY_ROLLBACK', /spec\.version/],
      [
        'applies another of the same version',
        () => drill.kubectl(['replace', '-f', '-'], object(acmeAt(4, registries('ghcr.io/')))),
        'POLICY_EQUIVOCATION',
        /spec\.version/,
      ],
      [
        'restores yesterday’s backup of it',
        () => drill.kubectl(['replace', '-f', '-'], backup.tenants),
        'POLICY_ROLLBACK',
        /spec\.version/,
      ],
      ['restores yesterday’s backup of the marks', () => drill.kubectl(['replace', '-f', '-'], backup.marks), 'MARK_LOWERED', /data/],
    ];
    for (const [what, deed, code, place] of attempts) {
      it(`who ${what}`, async () => {
        const uid = (await drill.writ.client.get<KubeObject>(tenants, { name: 'acme' }))?.metadata.uid;
        assertRefused(await deed(), code, place);
        assert.equal((await drill.writ.client.get<KubeObject>(tenants, { name: 'acme' }))?.metadata.uid, uid);
        assert.equal(await stranger(), bounds);
      });
    }
    it('who writes its status', async () => {
      await done(drill.kubectl(['patch', 'tenant', 'acme', '--subresource=status', ...merge({ status: { namespaceCount: 99 } })]));
      assert.equal(await stranger(), bounds);
    });
    it('who pushes an older one', async () => {
      const commit = await pushTenant(acmeAt(3));
      await sourceRefuses(drill.writ.client, 'POLICY_ROLLBACK');
      assert.equal(await stranger(), bounds);
      assert.notEqual(commit, await pushTenant(acmeAt(4)));
    });
  });

  const everyOlderIsRefused = async (): Promise<void> => {
    for (const version of [1, 2]) assertRefused(await apply(visitorAt(version), 'visitor'), 'POLICY_ROLLBACK', /spec\.version/);
    assertRefused(await apply(acmeAt(3)), 'POLICY_ROLLBACK', /spec\.version/);
  };

  it('that was deleted as its seal says comes again under a higher version only', async () => {
    await done(apply(visitorAt(1), 'visitor'));
    await done(apply(visitorAt(2), 'visitor'));
    await marked('visitor', 2, { mayEnd: true });
    await done(drill.kubectl(['delete', 'tenant', 'visitor']));
    // Also before its end is marked.
    assertRefused(await apply(visitorAt(1), 'visitor'), 'POLICY_ROLLBACK', /spec\.version/);
    await marked('visitor', 2, { mayEnd: true, gone: true });
    await everyOlderIsRefused();
  });

  it('has a mark that nobody takes back, lowers, or writes of what does not end', async () => {
    const marks = await readMarks();
    const write = (change: (mark: Mark) => Mark | undefined): Promise<Attempt> =>
      drill.kubectl(BY_HAND, JSON.stringify(encodeMarks(marks.flatMap((mark) => change(mark) ?? []))));
    const of =
      (name: string, change: Partial<Mark> | undefined) =>
      (mark: Mark): Mark | undefined =>
        mark.name !== name || mark.kind !== 'Tenant' ? mark : change === undefined ? undefined : { ...mark, ...change };
    assertRefused(await write(of('visitor', undefined)), 'MARK_LOWERED', /visitor/);
    assertRefused(await write(of('visitor', { version: 1, digest: digestOf(visitorAt(1)) })), 'MARK_LOWERED', /data/);
    assertRefused(await write(of('acme', { version: 9 })), 'MARK_UNPROVEN', /data/);
    assertRefused(await write(of('acme', { mayEnd: true })), 'MARK_UNPROVEN', /data/);
    assertRefused(await write(of('acme', { gone: true })), 'REMOVAL_UNSEALED', /tenants\/acme\.yaml/);
    await done(write((mark) => mark));
  });

  it('comes back no sooner after replica and operator began anew', async () => {
    await drill.writ.webhook.stop('SIGTERM', 5000);
    drill.writ.webhook = await drill.writ.startWebhook();
    await drill.writ.webhook.ready();
    await everyOlderIsRefused();
    await drill.writ.operator.stop('SIGKILL');
    drill.writ.operator = await drill.writ.startOperator();
    await drill.writ.operator.ready();
    await everyOlderIsRefused();
    await done(apply(visitorAt(3), 'visitor'));
    await marked('visitor', 3, { mayEnd: true });
  });

  it('is brought back with its mark when all of it was restored from a backup while nobody was asked', async () => {
    const bounds = await stranger();
    await drill.writ.operator.stop('SIGKILL');
    await done(drill.kubectl(['delete', 'validatingwebhookconfiguration', 'writ-guard']));
    await done(drill.kubectl(['replace', '-f', '-'], backup.tenants));
    await done(drill.kubectl(['replace', '-f', '-'], backup.marks));
    await done(drill.kubectl(['patch', 'tenant', 'acme', ...merge({ spec: { images: null, deletionPolicy: 'Delete' } })]));
    drill.writ.operator = await drill.writ.startOperator();
    await drill.writ.operator.ready();
    await marked('acme', 4);
    await marked('visitor', 3, { mayEnd: true });
    await until(async () => (await stranger()) === bounds, { what: 'the bounds of acme to hold again' });
    assertRefused(await drill.kubectl(['delete', 'tenant', 'acme', '--wait=false']), 'REMOVAL_UNSEALED', /tenants\/acme\.yaml/);
    await everyOlderIsRefused();
  });
});
