// SPDX-License-Identifier: Apache-2.0
// Releases of a ruleset, for tests.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { parseDocument } from '../document/index.ts';
import { validateDocument } from '../document/validate.ts';
import type { MemberFile, RulesetDocument } from './index.ts';

export type MemberText = { readonly path: string; readonly text: string; /** Beside path and sha256. */ readonly more?: object };

export const hexOf = (text: string): string => createHash('sha256').update(text).digest('hex');

export const memberText = (name: string, spec: object = {}): MemberText => ({
  path: `policies/${name}.yaml`,
  text: `${JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'Policy',
    metadata: { name },
    spec: { workloads: ['PodBearing'], validations: [{ expression: 'false', message: name }], ...spec },
  })}\n`,
});

/** The document of a ruleset that seals these members; `spec` is taken over it. */
export const releaseText = (name: string, members: readonly MemberText[], spec: object = {}): string =>
  `${JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'Ruleset',
    metadata: { name },
    spec: {
      version: 1,
      release: '1.0.0',
      policies: members.map(({ path, text, more }) => ({ path, sha256: hexOf(text), ...more })),
      ...spec,
    },
  })}\n`;

export const filesOf = (members: readonly MemberText[]): readonly MemberFile[] =>
  members.map(({ path, text }) => ({ path, bytes: Buffer.from(text) }));

export const documentOf = (text: string, file = 'rulesets/r/ruleset.yaml'): RulesetDocument => {
  const parsed = parseDocument(Buffer.from(text), file);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const valid = validateDocument(parsed.document);
  assert.ok(valid.ok && valid.kind === 'Ruleset', JSON.stringify(valid));
  return { ruleset: valid.object, parsed: parsed.document };
};
