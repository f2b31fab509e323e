// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { catalogAt, licenseAt, sealedEntitlement, trustFor } from './entitlement/test-sealed.ts';
import { entitlementState } from './entitlement/state.ts';
import { rememberJudgements } from './judge-memory.ts';
import { closesAtMs } from './policy-object.ts';
import type { Judged, SealedObject } from './policy-object.ts';
import { createSealedJudge, judgeSealedObject } from './sealed-object.ts';
import { NOW } from './trust/test-trust.ts';

const HOUR_MS = 3_600_000;
const trust = trustFor();
const judge = (object: SealedObject, by = trust, at = NOW): Judged => judgeSealedObject(object, by, at);
const codeOf = (judged: Judged): string => (judged.ok ? 'ok' : judged.problem.code);
const tiers = [{ name: 'Free' }];

describe('a TierCatalog object', () => {
  it('says what its document seals, whatever stands in spec', () => {
    const judged = judge({ ...catalogAt(2), spec: { version: 9, tiers: [] } });
    assert.ok(judged.ok, codeOf(judged));
    const { kind, version, retired, policies, compiled, table, signers } = judged.document;
    assert.deepEqual([kind, version, retired, policies, compiled, signers], ['TierCatalog', 2, false, [], [], ['vendor']]);
    assert.deepEqual(
      table?.tiers.map(({ name, needsLicense }) => [name, needsLicense]),
      [
        ['Free', false],
        ['Enterprise', true],
      ],
    );
  });

  const cases: readonly (readonly [what: string, object: SealedObject, expected: string])[] = [
    ['by a stranger', sealedEntitlement('TierCatalog', 'cluster', { spec: { version: 1, tiers }, by: 'stranger' }), 'SEAL_UNKNOWN_KEY'],
    ['by nobody', sealedEntitlement('TierCatalog', 'cluster', { spec: { version: 1, tiers }, by: 'nobody' }), 'SEAL_MISSING'],
    ['without a signature', { kind: 'TierCatalog', metadata: { name: 'cluster' }, spec: { version: 1, tiers } }, 'POLICY_UNSIGNED'],
    ['changed after it was sealed', { ...catalogAt(1), signature: { ...catalogAt(1).signature, document: '{}' } }, 'SEAL_DIGEST_MISMATCH'],
    ['that is a License', { ...licenseAt(1), kind: 'TierCatalog' }, 'POLICY_NAME_MISMATCH'],
    [
      'of a price',
      sealedEntitlement('TierCatalog', 'cluster', { spec: { version: 1, tiers: [{ name: 'Free', price: 1 }] } }),
      'DOCUMENT_UNKNOWN_FIELD',
    ],
    ['past its time', catalogAt(1, { expires: '2026-01-01T00:00:00Z' }), 'ok'],
  ];
  for (const [what, object, expected] of cases) it(`${what}: ${expected}`, () => assert.equal(codeOf(judge(object)), expected));

  it('that gives what it does not allow is sealed, and counts all the same for nothing', () => {
    const judged = judge(
      sealedEntitlement('TierCatalog', 'cluster', { spec: { version: 1, tiers: [{ name: 'Free', defaults: { owners: [] } }] } }),
    );
    assert.ok(!judged.ok && judged.signed?.version === 1);
    assert.equal(judged.problem.code, 'CATALOG_INVALID');
  });

  it('counts only where a rule speaks of its kind', () => {
    assert.equal(codeOf(judge(catalogAt(1), trustFor(['License', 'Policy']))), 'SEAL_NO_RULE');
    assert.equal(codeOf(judge(licenseAt(1), trustFor(['TierCatalog', 'Policy']))), 'SEAL_NO_RULE');
  });
});

describe('a License object', () => {
  it('gives until its end, and its grace', () => {
    const judged = judge(licenseAt(1, { expires: '2026-06-01T01:00:00Z', gracePeriod: '2h' }));
    assert.ok(judged.ok, codeOf(judged));
    assert.equal(judged.document.expiresMs, NOW + HOUR_MS);
    assert.equal(closesAtMs(judged.document), NOW + 3 * HOUR_MS);
    const { licenses } = entitlementState([judged.document], 'here');
    assert.deepEqual(
      licenses.map(({ name, closesMs }) => [name, closesMs]),
      [['acme', NOW + 3 * HOUR_MS]],
    );
  });

  it('gives nothing once it is retired or its seals are taken away', () => {
    for (const spec of [{ retired: true }, { retired: true, installation: undefined, tier: undefined, expires: undefined }]) {
      const judged = judge(licenseAt(2, spec));
      assert.ok(judged.ok && judged.document.retired);
      assert.deepEqual(entitlementState([judged.document], 'here').licenses, []);
    }
    const good = judge(licenseAt(1));
    assert.ok(good.ok);
    const withdrawn = { ...good.document, withdrawn: { code: 'SEAL_REVOKED' as const, message: 'gone' } };
    assert.deepEqual(entitlementState([withdrawn], 'here').licenses, []);
    assert.equal(entitlementState([good.document], 'here').licenses.length, 1);
  });
});

it('objects of two kinds with one name and the same bytes are told apart in memory', () => {
  const { judge: remembered } = rememberJudgements(createSealedJudge());
  const catalog = catalogAt(1);
  assert.equal(codeOf(remembered({ ...catalog, kind: 'License' }, trust, NOW)), 'POLICY_NAME_MISMATCH');
  assert.equal(codeOf(remembered(catalog, trust, NOW)), 'ok');
  assert.equal(codeOf(remembered({ ...catalog, kind: 'Policy' }, trust, NOW)), 'POLICY_NAME_MISMATCH');
});
