// SPDX-License-Identifier: Apache-2.0
// A guard for tests, beside a cluster in which version 2 of one policy is enforced, and questions as the API server asks them.
import assert from 'node:assert/strict';
import type { Mark } from '../../crds/marks.ts';
import { marksOf } from '../../policies/currency/index.ts';
import type { Standing } from '../../policies/currency/removal.ts';
import { judgePolicyObject } from '../../policies/policy-object.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import { provingHere } from '../../policies/trust/evidence-task.ts';
import { POD_RULES, createSealer, inventoryOf, policyDigest } from '../../test/faults/webhook/sealed.ts';
import type { SealedPolicy } from '../../test/faults/webhook/sealed.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { createVerifyAhead } from './ahead.ts';
import { handleGuard } from './index.ts';
import type { GuardDeps, Guarded } from './index.ts';
import { viewOf } from './test-view.ts';
import type { GuardView } from './view.ts';
import { createWaiting } from './wait.ts';

export const AT_MS = Date.UTC(2026, 0, 1);
export const SOURCE = 'writ-system/policies';
export const sealer = createSealer();
export const stranger = createSealer({ name: 'mallory' });
const loaded = loadTrust(Buffer.from(sealer.trustPolicy.signature.document), { pinnedDigest: sealer.trustDigest });
assert.ok(loaded.ok);
export const { trust } = loaded;
export const policyAt = (version: number, more: object = {}, by = sealer): SealedPolicy =>
  by.policy('pinned', { version, matchConstraints: POD_RULES, validations: [{ expression: 'false' }], ...more });
export const [one, two, three] = [policyAt(1), policyAt(2), policyAt(3)];
export const markOf = (policy: SealedPolicy, version: number): Mark => ({
  kind: 'Policy',
  name: policy.metadata.name,
  version,
  digest: policyDigest(policy),
});
export const standingOf = (policy: SealedPolicy, version: number): Standing => ({
  ...markOf(policy, version),
  source: SOURCE,
  sequence: 0,
});
const ours = [one, two, three];

/** Version 2 of the one policy is enforced, by a commit. */
export const enforced = viewOf(trust, {
  marks: marksOf([markOf(two, 2)]),
  held: (digest) => {
    const found = ours.find((policy) => policyDigest(policy) === digest);
    const judged = found === undefined ? undefined : judgePolicyObject(found, trust, AT_MS);
    return judged?.ok === true ? judged.document : undefined;
  },
  inventories: [inventoryOf(SOURCE, 'main@sha1:2', [two])],
  standing: (kind, name) => (kind === 'Policy' && name === 'pinned' ? standingOf(two, 2) : undefined),
  atMs: AT_MS,
});
export const nothing: GuardView = {
  ...enforced,
  trust: undefined,
  marks: new Map(),
  held: () => undefined,
  inventories: [],
  standing: () => undefined,
};

export type Change = {
  readonly before?: unknown;
  readonly after?: unknown;
  readonly resource?: string;
  readonly name?: string;
  readonly user?: object;
  readonly subResource?: string;
};

export const reviewOf = ({ before, after, resource = 'policies', name = 'pinned', user, subResource }: Change): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      kind: { group: 'writ.dev', version: 'v1alpha1', kind: 'Any' },
      resource: resource === 'configmaps' ? { group: '', version: 'v1', resource } : { group: 'writ.dev', version: 'v1alpha1', resource },
      ...(subResource === undefined ? {} : { subResource }),
      name,
      ...(resource === 'configmaps' ? { namespace: 'writ-system' } : {}),
      operation: before === undefined ? 'CREATE' : after === undefined ? 'DELETE' : 'UPDATE',
      userInfo: user ?? { username: 'admin', groups: ['system:masters'] },
      object: after ?? null,
      oldObject: before ?? null,
    },
  });

export const depsOf = (view: GuardView | undefined): GuardDeps => ({
  view: () => view,
  waiting: createWaiting({ clock: fakeClock(AT_MS), timeoutMs: 0, stateOf: () => 0 }),
  systemNamespace: 'writ-system',
  ahead: createVerifyAhead(fakeClock(AT_MS), provingHere()),
});

type Response = {
  readonly allowed: boolean;
  readonly status?: { readonly message: string; readonly details?: { readonly causes: readonly { readonly field: string }[] } };
  readonly auditAnnotations?: { readonly code: string };
};
type Answer = { readonly allowed: boolean; readonly code: string; readonly message: string; readonly fields: string };

export const answerOf = ({ body }: Guarded): Answer => {
  const { response }: { response: Response } = JSON.parse(body);
  return {
    allowed: response.allowed,
    code: response.auditAnnotations?.code ?? '',
    message: response.status?.message ?? '',
    fields: (response.status?.details?.causes ?? []).map(({ field }) => field).join(),
  };
};

const ask = async (change: Change, view: GuardView | undefined = enforced) => {
  const clock = fakeClock(AT_MS);
  const waiting = createWaiting({ clock, timeoutMs: 1000, stateOf: () => 0 });
  const asked = handleGuard(reviewOf(change), { ...depsOf(view), waiting });
  await clock.advance(1000);
  return answerOf(await asked);
};
/** `pass`, or the code and the field. */
export const said = async (change: Change, view?: GuardView): Promise<string> => {
  const { allowed, code, fields, message } = await ask(change, view);
  if (allowed) return 'pass';
  assert.match(message, new RegExp(`${code}: .+ \\(.+\\)`), 'a code and a fix');
  return [code, fields].filter((text) => text !== '').join(' ');
};
