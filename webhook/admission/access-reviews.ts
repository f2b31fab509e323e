// SPDX-License-Identifier: Apache-2.0
// What policies ask the authorizer, asked of the API server: a SubjectAccessReview for each question, all questions of
// a request within one time. What it says of users is what it would itself have gone by.
import { subjectAccessReviews } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { AccessAnswer, AccessQuestion } from '../../policies/cel/index.ts';
import type { AccessOutcome, AskAccess } from '../../policies/decide/access.ts';
import type { Clock } from '../../process/clock.ts';

type Status = { readonly allowed?: boolean; readonly reason?: string; readonly evaluationError?: string };
type Review = KubeObject & { readonly spec?: unknown; readonly status?: Status };

const filled = (fields: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== ''));

const attributesOf = (question: AccessQuestion): object => {
  const { verb } = question;
  if ('path' in question) return { nonResourceAttributes: { path: question.path, verb } };
  const { fieldSelector, labelSelector, ...resource } = question.resource;
  // A selector that can not be read is left out there, as it is where the API server asks itself.
  const selectors = {
    ...(fieldSelector === '' ? {} : { fieldSelector: { rawSelector: fieldSelector } }),
    ...(labelSelector === '' ? {} : { labelSelector: { rawSelector: labelSelector } }),
  };
  return { resourceAttributes: { ...filled(resource), version: '*', verb, ...selectors } };
};

export const reviewOf = (question: AccessQuestion): Review => {
  const { username: user, uid, groups, extra } = question.user;
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: { name: '' },
    spec: {
      user,
      groups,
      ...(uid === '' ? {} : { uid }),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
      ...attributesOf(question),
    },
  };
};

export const answerOf = ({ allowed, reason, evaluationError }: Status = {}): AccessAnswer => ({
  allowed: allowed === true,
  reason: reason ?? '',
  error: evaluationError ?? '',
});

export type AccessReviewParts = { readonly client: Pick<KubeClient, 'create'>; readonly clock: Clock; readonly timeoutMs: number };

/** Called for each request: its time begins then. */
export const accessReviews =
  ({ client, clock, timeoutMs }: AccessReviewParts) =>
  (): AskAccess => {
    const endMs = clock.monotonicMs() + timeoutMs;
    const late: AccessOutcome = { failed: `no answer within ${timeoutMs} ms` };
    return async (question) => {
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0) return late;
      const stop = new AbortController();
      const cancel = clock.schedule(leftMs, () => stop.abort());
      try {
        const { status } = await client.create<Review>(subjectAccessReviews, reviewOf(question), {
          signal: stop.signal,
          timeoutMs: leftMs,
        });
        return answerOf(status);
      } catch (error) {
        return stop.signal.aborted ? late : { failed: error instanceof Error ? error.message : 'unknown error' };
      } finally {
        cancel();
      }
    };
  };
