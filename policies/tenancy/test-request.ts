// SPDX-License-Identifier: Apache-2.0
// Requests and tenants for the tests of this folder and of those that call it.
import assert from 'node:assert/strict';
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { parseReview } from '../decide/request.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import { podReview } from '../decide/test-review.ts';
import { boundsOf } from './bounds.ts';
import { tenancyProblems } from './index.ts';

export type Asked = {
  readonly object?: unknown;
  readonly oldObject?: unknown;
  readonly operation?: AdmissionRequest['operation'];
  readonly kind?: string;
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subResource?: string;
  readonly namespace?: string;
  readonly username?: string;
  readonly groups?: readonly string[];
  readonly uid?: string;
  readonly dryRun?: boolean;
};

export const reviewText = ({ kind = 'Pod', group = '', version = 'v1', resource = 'pods', ...asked }: Asked): string =>
  podReview({
    uid: asked.uid ?? 'u-1',
    kind: { group, version, kind },
    resource: { group, version, resource },
    ...(asked.subResource === undefined ? {} : { subResource: asked.subResource }),
    name: 'x',
    namespace: asked.namespace ?? 'acme-one',
    operation: asked.operation ?? 'CREATE',
    userInfo: { username: asked.username ?? 'ann', groups: asked.groups ?? ['system:authenticated'] },
    object: asked.object ?? null,
    oldObject: asked.oldObject ?? null,
    dryRun: asked.dryRun ?? false,
  });

export const requestOf = (asked: Asked): AdmissionRequest => {
  const parsed = parseReview(reviewText(asked));
  assert.ok(parsed.ok);
  return parsed.request;
};

/** `CODE path` of each problem. */
export const problemsOf = (spec: TenantSpec, asked: Asked, isOperator = false): readonly string[] =>
  tenancyProblems({
    request: requestOf(asked),
    bounds: boundsOf({ name: 'acme', spec }),
    isTenantNamespace: (name) => name.startsWith('acme-'),
    isOperator,
  }).map(({ code, path }) => (path === undefined ? code : `${code} ${path}`));

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
export const GOOD_IMAGE = `ghcr.io/acme/agent@${DIGEST}`;

export const podWith = (spec: object, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'x', namespace: 'acme-one', uid: 'pod-1', ...metadata },
  spec: { containers: [{ name: 'main', image: GOOD_IMAGE, imagePullPolicy: 'Always' }], ...spec },
});
