// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { AccessQuestion } from '../../policies/cel/index.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { accessReviews, answerOf, reviewOf } from './access-reviews.ts';
import type { AccessReviewParts } from './access-reviews.ts';

const user = { username: 'ann', uid: '7', groups: ['devs'], extra: { scopes: ['a'] } };
const resource = {
  group: 'apps',
  resource: 'deployments',
  subresource: '',
  namespace: 'acme',
  name: '',
  fieldSelector: '',
  labelSelector: 'a=b',
};
const question: AccessQuestion = { user, verb: 'update', resource };

it('asks for the user with all that is known, and for any version', () => {
  assert.deepEqual(reviewOf(question).spec, {
    user: 'ann',
    uid: '7',
    groups: ['devs'],
    extra: { scopes: ['a'] },
    resourceAttributes: {
      group: 'apps',
      resource: 'deployments',
      namespace: 'acme',
      version: '*',
      verb: 'update',
      labelSelector: { rawSelector: 'a=b' },
    },
  });
  assert.deepEqual(reviewOf({ user: { ...user, uid: '', extra: {} }, verb: 'get', path: '/healthz' }).spec, {
    user: 'ann',
    groups: ['devs'],
    nonResourceAttributes: { path: '/healthz', verb: 'get' },
  });
});

it('takes what is not said for no', () => {
  assert.deepEqual(answerOf(), { allowed: false, reason: '', error: '' });
  assert.deepEqual(answerOf({ allowed: true, reason: 'r', evaluationError: 'e' }), { allowed: true, reason: 'r', error: 'e' });
});

const parts = (
  create: (signal: AbortSignal | undefined) => Promise<object>,
): AccessReviewParts & { clock: ReturnType<typeof fakeClock> } => ({
  clock: fakeClock(),
  timeoutMs: 100,
  client: {
    create: async <T>(_resource: unknown, object: T, options?: { readonly signal?: AbortSignal }) => ({
      ...object,
      ...(await create(options?.signal)),
    }),
  },
});

it('ends all questions of a request at one time', async () => {
  const hanging = parts((signal) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted')))));
  const ask = accessReviews(hanging)();
  const first = ask(question);
  await hanging.clock.advance(100);
  assert.deepEqual(await first, { failed: 'no answer within 100 ms' });
  assert.deepEqual(await ask(question), { failed: 'no answer within 100 ms' });
});

it('tells why the API server did not answer', async () => {
  const broken = parts(() => Promise.reject(new Error('subjectaccessreviews is forbidden')));
  assert.deepEqual(await accessReviews(broken)()(question), { failed: 'subjectaccessreviews is forbidden' });
  const sound = parts(() => Promise.resolve({ status: { allowed: true } }));
  assert.deepEqual(await accessReviews(sound)()(question), { allowed: true, reason: '', error: '' });
});
