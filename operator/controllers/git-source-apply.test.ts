// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policies } from '../../crds/kinds.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import type { CommitObjects } from './commit.ts';
import { staleVersions } from './git-source-apply.ts';

const [D1, D2] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];

const commit = (version: number, digest: string): CommitObjects => {
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE' as const], resources: ['pods'] };
  const spec = { version, matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }] };
  const policy = { apiVersion: 'writ.dev/v1alpha1' as const, kind: 'Policy' as const, metadata: { name: 'p' }, spec };
  const positionOf = () => ({ file: 'policies/p.yaml', line: 6, column: 3 });
  const desired = { ...policies, resource: policies, name: 'p', object: policy, digest, path: 'policies/p.yaml', positionOf };
  return { desired: [desired], policies: compilePolicies([{ policy, digest }]).set.policies, expiresMs: undefined };
};

const rows: readonly [
  what: string,
  version: number,
  digest: string,
  standing: { version: number; digest: string } | undefined,
  code: string | undefined,
][] = [
  ['a first version', 1, D1, undefined, undefined],
  ['the same document', 2, D1, { version: 2, digest: D1 }, undefined],
  ['a higher version', 3, D2, { version: 2, digest: D1 }, undefined],
  ['a lower version', 1, D2, { version: 2, digest: D1 }, 'POLICY_ROLLBACK'],
  ['other bytes under the same version', 2, D2, { version: 2, digest: D1 }, 'POLICY_EQUIVOCATION'],
];
for (const [what, version, digest, standing, code] of rows) {
  test(`a commit with ${what}: ${code ?? 'applied'}`, () => {
    const problems = staleVersions(commit(version, digest), () => standing);
    assert.deepEqual(
      problems.map((problem) => problem.code),
      code === undefined ? [] : [code],
    );
    if (code !== undefined) assert.deepEqual(problems[0]?.at, { file: 'policies/p.yaml', line: 6, column: 3 });
  });
}
