// SPDX-License-Identifier: Apache-2.0
// What came of something that somebody tried at the API server: an answer, or a refusal with its words. All else is thrown.
import assert from 'node:assert/strict';
import { KubeApiError } from '../../kube/errors.ts';

export type Attempt<T> =
  | { readonly allowed: true; readonly answer: T }
  | { readonly allowed: false; readonly status: number; readonly said: string };

export const attempt = async <T>(deed: () => Promise<T>): Promise<Attempt<T>> => {
  try {
    return { allowed: true, answer: await deed() };
  } catch (error) {
    if (!(error instanceof KubeApiError)) throw error;
    return { allowed: false, status: error.status, said: error.message };
  }
};

/** For this reason and no other: a refusal by chance is no protection. */
export const assertRefused = async (deed: () => Promise<unknown>, reason: RegExp, what: string): Promise<string> => {
  const result = await attempt(deed);
  if (result.allowed) assert.fail(`${what} was allowed: ${JSON.stringify(result.answer).slice(0, 2000)}`);
  assert.match(result.said, reason, what);
  return result.said;
};

export const assertAllowed = async <T>(deed: () => Promise<T>, what: string): Promise<T> => {
  const result = await attempt(deed);
  if (!result.allowed) assert.fail(`${what} was refused (${result.status}): ${result.said}`);
  return result.answer;
};
