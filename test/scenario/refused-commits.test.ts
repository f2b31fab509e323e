// SPDX-License-Identifier: Apache-2.0
// A commit that is wrong anywhere changes nothing that is enforced, and says why: condition, event and metric, with the
// place. The commit that mends it is followed.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { conditionReason } from '../../crds/conditions.ts';
import { SYSTEM_NAMESPACE, configMaps, policies, tenants } from '../../crds/kinds.ts';
import { decodeInventory, inventoryName } from '../../crds/inventory.ts';
import { decodeReplica, replicaName } from '../../crds/replica.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { seal } from '../../policies/trust/seal.ts';
import type { Content } from '../git/repository.ts';
import { bounded, pinned, policyText, releaseFiles, tenantText } from './documents.ts';
import { sampleOf } from './exposition.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { createSigner, sealedFiles, setSeal } from './sealed-repository.ts';
import type { Signer } from './sealed-repository.ts';
import { eventsAbout, sourceApplies, sourceRefuses } from './told.ts';
import type { ToldObject } from './told.ts';
import { until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

const third = policyText({ name: 'third', expression: 'size(workload.containers) >= 0', message: 'never said' });
const base: Readonly<Record<string, string>> = {
  'policies/pinned.yaml': pinned,
  'policies/bounded.yaml': bounded,
  'policies/third.yaml': third,
  'tenants/acme.yaml': tenantText('acme', ['acme-prod']),
};
const PATH = 'policies/pinned.yaml';
const SEAL = `${PATH}.sigstore.json`;
const RULESET = 'rulesets/eu/ruleset.yaml';
const RELEASE = releaseFiles({
  name: 'eu',
  version: 1,
  release: '1.0.0',
  members: [{ name: 'a', expression: 'true', message: 'never said' }],
});

/** Files to commit; texts of documents are sealed by `seals` unless a row brings its own seals. */
type Change = Readonly<Record<string, Content>>;
type Scene = { readonly signer: Signer; readonly trust: string };
type Row = {
  readonly what: string;
  readonly change: (scene: Scene) => Change;
  readonly code: string;
  /** What else the message names: file, line and column wherever there is one. */
  readonly says: string | RegExp;
};

const edited = (from: string, to: string, text = pinned): string => {
  assert.ok(text.includes(from), `the document has no ${from}`);
  return text.replace(from, to);
};
const sealed =
  (path: string, text: string) =>
  ({ signer }: Scene): Change =>
    sealedFiles({ [path]: text }, signer);
const pinnedAs = (from: string, to: string): ((scene: Scene) => Change) => sealed(PATH, edited(from, to));
const junk = randomBytes(4096);

const rows: readonly Row[] = [
  {
    what: 'a tampered document under its old seal',
    change: () => ({ [PATH]: edited('Deny', 'Audit') }),
    code: 'SEAL_DIGEST_MISMATCH',
    says: `${PATH}:1:1: `,
  },
  { what: 'no seal', change: () => ({ [SEAL]: null }), code: 'SEAL_MISSING', says: `${PATH}:1:1: ` },
  {
    what: 'the seal of another file',
    change: ({ signer }) => ({ [SEAL]: seal(Buffer.from(bounded), signer.privateKey) }),
    code: 'SEAL_DIGEST_MISMATCH',
    says: `${PATH}:1:1: `,
  },
  {
    what: 'a seal by a key that nobody listed',
    change: () => ({ [SEAL]: seal(Buffer.from(pinned), createSigner('stranger').privateKey) }),
    code: 'SEAL_UNKNOWN_KEY',
    says: `${PATH}:1:1: `,
  },
  {
    what: 'a YAML bomb',
    change: pinnedAs('spec:', `spec:\n  a: &a [x, x]\n  b: &b [*a, *a]\n  c: [*b, *b]`),
    code: 'DOCUMENT_FORBIDDEN',
    says: `${PATH}:6:9: `,
  },
  {
    what: 'a key given twice',
    change: pinnedAs('  version: 1', '  version: 1\n  version: 2'),
    code: 'DOCUMENT_DUPLICATE_KEY',
    says: `${PATH}:7:3: `,
  },
  {
    what: 'a field that nobody knows',
    change: pinnedAs('  version: 1', '  version: 1\n  enforcment: Deny'),
    code: 'DOCUMENT_UNKNOWN_FIELD',
    says: `${PATH}:7:3: `,
  },
  { what: 'a value of the wrong type', change: pinnedAs('version: 1', 'version: "one"'), code: 'DOCUMENT_INVALID', says: `${PATH}:6:3: ` },
  {
    what: 'a scalar that two YAMLs read differently',
    change: pinnedAs('  version: 1', '  version: 1\n  title: yes'),
    code: 'DOCUMENT_AMBIGUOUS',
    says: `${PATH}:7:10: `,
  },
  {
    what: 'a CEL syntax error',
    change: pinnedAs('c.image.contains(', 'c.image..contains('),
    code: 'POLICY_EXPRESSION',
    // The second dot, counted in the expression.
    says: `${PATH}:10:5: POLICY_EXPRESSION: spec.validations[0].expression: 1:53: `,
  },
  { what: 'an unknown kind', change: pinnedAs('kind: Policy', 'kind: Sheriff'), code: 'DOCUMENT_UNKNOWN_KIND', says: `${PATH}:2:1: ` },
  {
    what: 'two policies of one name',
    change: sealed('policies/again.yaml', pinned),
    code: 'MANIFEST_NAME',
    says: /policies\/pinned\.yaml:4:3: MANIFEST_DUPLICATE: .*policies\/again\.yaml/,
  },
  {
    what: 'a name that is not the name of the file',
    change: pinnedAs('name: pinned', 'name: pined'),
    code: 'MANIFEST_NAME',
    says: `${PATH}:4:3: `,
  },
  {
    what: 'a seal without its file',
    change: () => ({ 'policies/gone.yaml.sigstore.json': '{}' }),
    code: 'SEAL_ORPHAN',
    says: 'policies/gone.yaml.sigstore.json:1:1: ',
  },
  {
    what: 'a ruleset without one of its members',
    change: sealed(RULESET, RELEASE[RULESET] ?? ''),
    code: 'RULESET_MEMBER_MISSING',
    says: `${RULESET}:10:6: `,
  },
  {
    what: 'binary junk',
    change: ({ signer }) => ({ [PATH]: junk, [SEAL]: seal(junk, signer.privateKey) }),
    code: 'DOCUMENT_ENCODING',
    says: new RegExp(`^${PATH}:1:\\d+: `),
  },
  {
    what: 'a file of 50 MB',
    change: () => ({ 'policies/large.yaml': Buffer.alloc(50 * 2 ** 20, 0x20) }),
    code: 'SOURCE_FILE_TOO_LARGE',
    says: 'policies/large.yaml',
  },
  {
    what: '100,000 files',
    change: () => Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`notes/${index % 317}/${index}.md`, ''])),
    code: 'SOURCE_TOO_MANY_FILES',
    says: '10000',
  },
  {
    what: 'a symbolic link',
    change: () => ({ 'policies/link.yaml': { link: '/etc/passwd' } }),
    code: 'SOURCE_SYMLINK',
    says: 'policies/link.yaml',
  },
  { what: 'a submodule', change: () => ({ vendor: { submodule: 'a'.repeat(40) } }), code: 'SOURCE_SUBMODULE', says: 'vendor' },
  {
    what: 'an empty tree',
    change: (scene) => Object.fromEntries(Object.keys({ ...baseFiles(scene), 'trust.yaml': '' }).map((path) => [path, null])),
    code: 'SOURCE_TREE_EMPTY',
    says: 'allowEmpty',
  },
  {
    what: 'more deletions than the prune budget',
    change: (scene) => Object.fromEntries(Object.keys(baseFiles(scene)).map((path) => [path, null])),
    code: 'PRUNE_BUDGET',
    says: 'spec.prune.maxDeletions',
  },
  {
    what: 'a policy that is dropped without a seal that says so',
    change: () => ({ 'policies/third.yaml': null, 'policies/third.yaml.sigstore.json': null }),
    code: 'REMOVAL_UNSEALED',
    says: 'policies/third.yaml:1:1: ',
  },
  {
    what: 'a policy that is dropped under the set seal of another source',
    change: ({ signer }) => ({
      'policies/third.yaml': null,
      'policies/third.yaml.sigstore.json': null,
      'seal.sigstore.json': setSeal({ [PATH]: pinned }, { signer, sequence: 1, source: 'writ-system/other' }),
    }),
    code: 'REMOVAL_UNSEALED',
    says: 'the set seal is for writ-system/other',
  },
  {
    what: 'a trust policy that is not the pinned one',
    change: ({ trust }) => ({ 'trust.yaml': `${trust}# more\n` }),
    code: 'TRUST_NOT_PINNED',
    says: 'trust.yaml:1:1: ',
  },
  {
    what: 'an object that the API server refuses',
    // Of a new version: what stands between here and the API server has no objection.
    change: sealed(PATH, edited('version: 1', 'version: 2', edited('  name: pinned', '  name: pinned\n  labels:\n    "not a label!": x'))),
    code: 'APPLY_REFUSED',
    says: new RegExp(`^${PATH}:[56]:\\d+: `),
  },
  {
    what: 'a paramKind',
    change: pinnedAs('  version: 1', '  version: 1\n  paramKind: {apiVersion: v1, kind: ConfigMap}'),
    code: 'POLICY_PARAM_KIND',
    says: `${PATH}:7:`,
  },
];

const baseFiles = ({ signer }: Scene): Record<string, string> => sealedFiles(base, signer);

/** The recorder lets 25 events of one object through at once, as client-go does; a row makes two. */
const ROWS_PER_OPERATOR = 11;

describe('a commit that is wrong', () => {
  let writ: Installation;
  before(async () => {
    writ = await installWrit({ documents: base, interval: '5s', controlPlane: { controllerManager: false } });
    await until(async () => (await verdicts()).refused.includes('pinned'), { what: 'the base to be enforced' });
  });
  after(() => writ?.stop());

  const verdicts = async () => ({
    allowed: await verdictOf(writ.client, podOf({ namespace: 'acme-prod' })),
    refused: await verdictOf(writ.client, podOf({ namespace: 'acme-prod', image: 'agent:latest', limits: false })),
  });
  const enforced = async () => {
    const system = { namespace: SYSTEM_NAMESPACE };
    const { items } = await writ.client.list<ToldObject>(policies);
    const inventory = decodeInventory(
      await writ.client.get<KubeObject>(configMaps, { ...system, name: inventoryName('writ-system/policies') }),
    );
    const replica = decodeReplica(await writ.client.get<KubeObject>(configMaps, { ...system, name: replicaName('one') }));
    return {
      documents: Object.fromEntries(items.map(({ metadata, signature }) => [metadata.name, signature?.document])),
      tenant: (await writ.client.get<ToldObject>(tenants, { name: 'acme' }))?.spec,
      revision: inventory?.revision,
      set: replica?.setDigest,
      ...(await verdicts()),
    };
  };

  for (const [index, { what, change, code, says }] of rows.entries()) {
    it(`${what}: ${code}`, async () => {
      if (index > 0 && index % ROWS_PER_OPERATOR === 0) {
        await writ.operator.stop('SIGTERM');
        writ.operator = await writ.startOperator();
        await writ.operator.ready();
      }
      const scene = { signer: writ.signer, trust: writ.trust };
      const files = change(scene);
      const standing = await enforced();
      assert.equal(standing.allowed, 'allowed');
      assert.deepEqual(Object.keys(standing.documents).toSorted(), ['bounded', 'pinned', 'third']);
      const counted = sampleOf(await writ.operator.metrics(), 'writ_source_refusals_total', { code });

      const before: Record<string, Content> = { ...baseFiles(scene), 'trust.yaml': writ.trust };
      const mending = Object.keys(files).map((path): [string, Content] => [
        path,
        Object.hasOwn(before, path) ? (before[path] ?? null) : null,
      ]);
      let mended: string;
      try {
        await writ.push(files, { sealed: false });
        const ready = await sourceRefuses(writ.client, code);
        assert.equal(ready.reason, conditionReason(code), ready.message);
        assert.ok(typeof says === 'string' ? ready.message.includes(says) : says.test(ready.message), ready.message);
        assert.ok(sampleOf(await writ.operator.metrics(), 'writ_source_refusals_total', { code }) > counted, 'counted');
        await until(
          async () => {
            const told = await eventsAbout(writ.client, { kind: 'GitSource', name: 'policies' });
            return told.some(
              ({ type, reason, note }) => type === 'Warning' && reason === ready.reason && note?.includes(ready.message.slice(0, 500)),
            );
          },
          { what: 'an event', withinMs: 5_000 },
        );
        assert.deepEqual(await enforced(), standing);
      } finally {
        // Also where the row fails, so that the next one begins from a good commit.
        mended = await writ.push(Object.fromEntries(mending), { sealed: false });
      }
      await sourceApplies(writ.client, mended);
      const { revision, set, ...mendedState } = await enforced();
      const { revision: _before, set: setBefore, ...stood } = standing;
      assert.deepEqual([revision?.endsWith(mended), set, mendedState], [true, setBefore, stood]);
    });
  }
});
