// SPDX-License-Identifier: Apache-2.0
// What becomes of a question that the API server asks at the wrong endpoint, because somebody wrote another path into a
// configuration: it is answered by no pass.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeMarks } from '../../crds/marks.ts';
import { handleReview } from '../admission/index.ts';
import { depsFor, noLatest, setOf } from '../admission/test-admission.ts';
import { handleCompletion } from '../tenancy/completion.ts';
import { handleTenancy } from '../tenancy/index.ts';
import { scene } from '../tenancy/test-tenancy.ts';
import { handleGuard } from './index.ts';
import { depsOf, enforced, reviewOf, two } from './test-guard.ts';

const unsealed = { ...two, signature: undefined, spec: { version: 9 } };
const guarded: readonly (readonly [what: string, text: string])[] = [
  ['a policy without its seal', reviewOf({ before: two, after: unsealed })],
  ['the end of a policy', reviewOf({ before: two })],
  ['the end of the marks', reviewOf({ resource: 'configmaps', name: 'writ-marks', before: encodeMarks([]) })],
];

describe('a question at the wrong endpoint', () => {
  for (const [what, text] of guarded) {
    it(`${what}, where decisions are made, tenants bounded and pods completed`, async () => {
      const answers = [
        await handleReview(text, depsFor(setOf(noLatest))),
        await handleTenancy(text, scene().deps),
        await handleCompletion(text, scene().deps),
      ];
      for (const { status, body, outcome } of answers) {
        assert.deepEqual([status, outcome], [400, 'malformed']);
        assert.equal(JSON.parse(body).code, 'REQUEST_NOT_FOUND');
      }
    });
  }

  it('a workload, where the guard is', async () => {
    const job = JSON.parse(reviewOf({ after: two, resource: 'gitsources' }));
    const ask = async (resource: object): Promise<number> =>
      (await handleGuard(JSON.stringify({ ...job, request: { ...job.request, resource } }), depsOf(enforced))).status;
    assert.equal(await ask(job.request.resource), 200);
    assert.equal(await ask({ group: '', version: 'v1', resource: 'configmaps' }), 200);
    assert.equal(await ask({ group: '', version: 'v1', resource: 'pods' }), 400);
    assert.equal(await ask({ group: 'batch', version: 'v1', resource: 'jobs' }), 400);
  });
});
