// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { emptySet } from '../../policies/compile/index.ts';
import { podReview } from '../../policies/decide/test-review.ts';
import { closedSet } from '../policyset/enforced.ts';
import type { BoundsVerdict } from '../tenancy/index.ts';
import type { ReviewDeps } from './index.ts';
import { POD_RULES, depsFor, noLatest, policy, review, setOf, warnName } from './test-admission.ts';

describe('a governed request', () => {
  const deps = depsFor(setOf(noLatest, warnName));

  it('is denied with one line a violation, the way to read more, and who spoke', async () => {
    const { status, response, record, outcome } = await review(podReview({}, { image: 'app:latest', name: 'odd' }), deps);
    assert.equal(status, 200);
    assert.equal(outcome, 'decided');
    assert.equal(response.uid, 'u-1');
    assert.equal(response.allowed, false);
    assert.equal(response.status?.reason, 'Invalid');
    assert.equal(response.status?.code, 422);
    assert.deepEqual(response.status?.message.split('\n'), ['no-latest (Invalid): pin the image', `writ explain ${record?.id}`]);
    assert.deepEqual(response.warnings, ['warn-name (Invalid): an odd name']);
    assert.deepEqual(response.auditAnnotations, {
      'warn-name.who': 'by ann',
      'decision-id': record?.id,
      'set-digest': deps.enforced().set.digest,
      verdict: 'Deny',
      policies: 'no-latest,warn-name',
    });
    assert.equal(record?.tenant, 'acme');
    assert.equal(record.verdict, 'Deny');
    assert.equal(record.metered, true);
    assert.equal(record.kind, 'v1, Pod');
    assert.deepEqual(record.allowed, []);
    assert.deepEqual(
      record.spoke.map(({ policy: name, verdict, signers }) => [name, verdict, signers]),
      [
        ['no-latest', 'Deny', ['ci']],
        ['warn-name', 'Warn', ['ci']],
      ],
    );
    assert.match(record.objectDigest ?? '', /^sha256:[0-9a-f]{64}$/);
  });

  it('is allowed without a status; a dry run is decided, never metered', async () => {
    const { response, record } = await review(podReview({ dryRun: true }, { image: 'app:1' }), deps);
    assert.equal(response.allowed, true);
    assert.equal(response.status, undefined);
    assert.equal(record?.dryRun, true);
    assert.equal(record.metered, false);
    assert.deepEqual(record.allowed, ['no-latest', 'warn-name']);
  });

  it('gets the same bytes for the same bytes', async () => {
    const [one, other] = [await review(podReview(), deps), await review(podReview(), deps)];
    assert.equal(one.body, other.body);
    assert.notEqual(one.body, (await review(podReview(), depsFor(setOf(noLatest)))).body);
  });

  it('by DELETE is decided on what goes', async () => {
    const guard = policy('guard', {
      version: 1,
      matchConstraints: POD_RULES,
      validations: [{ expression: "request.operation != 'DELETE' || oldObject.metadata.name != 'kept'", message: 'it is kept' }],
    });
    const oldObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'kept' }, spec: { containers: [] } };
    const { response, record } = await review(podReview({ operation: 'DELETE', object: null, oldObject }), depsFor(setOf(guard)));
    assert.equal(response.allowed, false);
    assert.match(record?.objectDigest ?? '', /^sha256:/);
  });
});

describe('a request that is none of our business', () => {
  for (const [what, text] of [
    ['our own namespace, whatever its label', podReview({ namespace: 'writ-system' })],
    ['kube-system, whatever its label', podReview({ namespace: 'kube-system' })],
    ['a cluster-scoped object of others', podReview({ namespace: '', resource: { group: '', version: 'v1', resource: 'nodes' } })],
  ] as const) {
    it(`is allowed and no policy runs: ${what}`, async () => {
      for (const enforced of [setOf(noLatest), closedSet({ code: 'TRUST_MISSING', message: 'none' }, 0)]) {
        const reviewed = await review(text, depsFor(enforced));
        assert.deepEqual(reviewed.response, { uid: 'u-1', allowed: true });
        assert.equal(reviewed.record, undefined);
        assert.equal(reviewed.outcome, 'ungoverned');
      }
    });
  }

  it('but a Namespace that carries the label, or carried it, is decided', async () => {
    const named = policy('kept-label', {
      version: 1,
      matchConstraints: POD_RULES,
      validations: [
        { expression: "has(object.metadata.labels) && 'writ.dev/tenant' in object.metadata.labels", message: 'the label stays' },
      ],
    });
    const resource = { group: '', version: 'v1', resource: 'namespaces' };
    const kind = { group: '', version: 'v1', kind: 'Namespace' };
    const update = (object: unknown, oldObject: unknown): string =>
      podReview({ operation: 'UPDATE', resource, kind, name: 'team', object, oldObject });
    const labelled = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team', labels: { 'writ.dev/tenant': 'acme' } } };
    const bare = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } };
    assert.equal((await review(update(labelled, labelled), depsFor(setOf(named)))).response.allowed, true);
    assert.equal((await review(update(bare, labelled), depsFor(setOf(named)))).response.allowed, false);
    assert.equal((await review(update(bare, bare), depsFor(setOf(named)))).outcome, 'ungoverned');
  });
});

describe('a workload of a tenant', () => {
  const beyond: BoundsVerdict = {
    kind: 'refused',
    problems: [
      { code: 'IMAGE_FORBIDDEN', message: 'app:1 is of no registry of the tenant', path: 'spec.containers[0].image' },
      { code: 'IMAGE_DIGEST_MISSING', message: 'app:1 names no digest' },
    ],
  };
  const bounded = (verdict: BoundsVerdict | Promise<BoundsVerdict>) => {
    const asked: string[] = [];
    const bounds: NonNullable<ReviewDeps['bounds']> = ({ request, tenant }) => {
      asked.push(`${tenant} ${request.operation} ${request.resource.resource}`);
      return verdict;
    };
    return { asked, deps: depsFor(setOf(noLatest, warnName), { bounds }) };
  };

  it('is refused by the bounds of its tenant where policies let it pass, at once or after a look', async () => {
    for (const verdict of [beyond, Promise.resolve(beyond)]) {
      const { asked, deps } = bounded(verdict);
      const { response, record, outcome } = await review(podReview({}, { image: 'app:1', name: 'odd' }), deps);
      assert.deepEqual(asked, ['acme CREATE pods']);
      assert.deepEqual([outcome, response.allowed, response.status?.code, response.status?.reason], ['decided', false, 403, 'Forbidden']);
      assert.match(response.status?.message ?? '', /^IMAGE_FORBIDDEN: .*app:1.*\nIMAGE_DIGEST_MISSING: /);
      assert.partialDeepStrictEqual(response.auditAnnotations, {
        code: 'IMAGE_FORBIDDEN',
        verdict: 'Deny',
        'decision-id': record?.id,
        'warn-name.who': 'by ann',
      });
      assert.equal(record?.verdict, 'Deny');
      assert.deepEqual(
        record.violations.map(({ policy: name, cause, reason }) => [name, cause, reason]),
        [
          ['writ', 'bounds', 'Forbidden'],
          ['writ', 'bounds', 'Forbidden'],
          ['warn-name', 'false', 'Invalid'],
        ],
      );
    }
  });

  it('hears what its bounds say besides, and is on record as allowed', async () => {
    const { deps } = bounded({ kind: 'passed', warnings: ['limit units: 11 of 10'], audit: 'limit units: over' });
    const { response, record } = await review(podReview({}, { image: 'app:1', name: 'odd' }), deps);
    assert.equal(response.allowed, true);
    assert.deepEqual(response.warnings, ['warn-name (Invalid): an odd name', 'limit units: 11 of 10']);
    assert.equal(response.auditAnnotations?.['usage-limits'], 'limit units: over');
    assert.equal(record?.verdict, 'Warn');
  });

  it('takes nothing of a quota where a policy denies it, and nothing else is asked about here', async () => {
    const { asked, deps } = bounded(beyond);
    assert.match((await review(podReview(), deps)).response.status?.message ?? '', /^no-latest/);
    const resource = { group: '', version: 'v1', resource: 'configmaps' };
    assert.equal((await review(podReview({ resource }, { image: 'app:1' }), deps)).response.allowed, true);
    assert.deepEqual(asked, []);
  });
});

describe('while nothing can be decided', () => {
  it('governed namespaces are closed, with code and fix', async () => {
    const { response, record, outcome } = await review(
      podReview(),
      depsFor(closedSet({ code: 'TRUST_MISSING', message: 'there is none' }, 0)),
    );
    assert.equal(outcome, 'closed');
    assert.equal(response.allowed, false);
    assert.equal(response.status?.code, 403);
    assert.match(response.status?.message ?? '', /^TRUST_MISSING: there is none \(.+\)\nwrit explain d-/);
    assert.equal(record?.verdict, 'Deny');
    assert.equal(record.closed, 'TRUST_MISSING');
    assert.equal(record.setDigest, '');
  });

  it('an empty set closes workloads', async () => {
    const { response } = await review(podReview(), depsFor({ ...setOf(), set: emptySet }));
    assert.equal(response.allowed, false);
    assert.match(response.status?.message ?? '', /NO_VERIFIED_POLICY/);
  });

  it('our own kinds pass that the guard does not judge: they are what is waited for', async () => {
    const own = podReview({
      namespace: '',
      resource: { group: 'writ.dev', version: 'v1alpha1', resource: 'gitsources' },
      kind: { group: 'writ.dev', version: 'v1alpha1', kind: 'GitSource' },
    });
    assert.equal((await review(own, depsFor(closedSet({ code: 'TRUST_MISSING', message: 'none' }, 0)))).response.allowed, true);
  });
});

describe('what is no review gets a code and never a server error', () => {
  const deps = depsFor(setOf(noLatest));
  const parsed = JSON.parse(podReview());
  const cases: readonly (readonly [string, string, string])[] = [
    ['nothing', '', 'REVIEW_NOT_JSON'],
    ['no JSON', 'hello', 'REVIEW_NOT_JSON'],
    ['JSON that is cut', podReview().slice(0, -5), 'REVIEW_NOT_JSON'],
    ['a list', '[]', 'REVIEW_NOT_REVIEW'],
    ['null', 'null', 'REVIEW_NOT_REVIEW'],
    ['another kind', '{"apiVersion":"v1","kind":"Pod"}', 'REVIEW_NOT_REVIEW'],
    ['another version', JSON.stringify({ ...parsed, apiVersion: 'admission.k8s.io/v1beta1' }), 'REVIEW_VERSION'],
    ['no request', JSON.stringify({ ...parsed, request: null }), 'REVIEW_INVALID'],
    ['no uid', podReview({ uid: '' }), 'REVIEW_INVALID'],
    ['an unknown operation', podReview({ operation: 'PATCH' }), 'REVIEW_INVALID'],
    ['no object', podReview({ object: null }), 'REVIEW_WITHOUT_OBJECT'],
    ['DELETE without the old object', podReview({ operation: 'DELETE', object: null }), 'REVIEW_WITHOUT_OBJECT'],
  ];
  for (const [what, text, code] of cases) {
    it(what, async () => {
      const { status, response, record, outcome } = await review(text, deps);
      assert.equal(status, 400);
      assert.equal(response.code, code);
      assert.equal(outcome, 'malformed');
      assert.equal(record, undefined);
    });
  }

  it('hostile keys and types in a review are data', async () => {
    const hostile = podReview().replace(
      '"metadata":{',
      '"__proto__":{"spec":1},"constructor":{"prototype":{}},"metadata":{"toString":1,"labels":{"__proto__":"x"},',
    );
    assert.equal((await review(hostile, deps)).response.allowed, false);
    // A namespace that nobody knows is not waited for here.
    const impatient: ReviewDeps = { ...deps, namespaces: { ...deps.namespaces, arrival: async () => undefined } };
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...Object.keys(parsed.request), '__proto__', 'constructor'), fc.jsonValue()),
        async (more) => {
          const { status } = await review(podReview(more), impatient);
          assert.ok(status === 200 || status === 400);
        },
      ),
      { numRuns: 300 },
    );
  });
});
