// SPDX-License-Identifier: Apache-2.0
// The rules that the live webhook configuration has, for when less must not be asked than is asked now. Anyone who may
// write the configuration can have put anything there: a rule that cannot be read is left out, and the others go the way
// of a policy's own rules, so that what is never governed stays so.
import { isRecord } from '../../crds/wire.ts';
import { compilePolicies } from './index.ts';
import type { CompiledPolicy } from './index.ts';
import type { Rule } from '../subject/workload-kinds.ts';

/** Far more than ever is written; what lies beyond is no work of ours. */
const MAX_RULES = 2000;
const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT', '*'] as const;
type Operation = (typeof OPERATIONS)[number];

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string' && item.length <= 253);
const isOperation = (value: string): value is Operation => OPERATIONS.some((operation) => operation === value);
const isScope = (value: unknown): value is 'Cluster' | 'Namespaced' | '*' => value === 'Cluster' || value === 'Namespaced' || value === '*';

const readRule = (value: unknown): readonly Rule[] => {
  if (!isRecord(value)) return [];
  const { apiGroups, apiVersions, resources, operations, scope = '*' } = value;
  if (!isTexts(apiGroups) || !isTexts(apiVersions) || !isTexts(resources) || !isTexts(operations)) return [];
  return operations.every(isOperation) && isScope(scope) ? [{ apiGroups, apiVersions, resources, operations, scope }] : [];
};

/** The rules of our webhook in a live configuration. */
export const standingRules = (live: unknown, webhookName: string): readonly Rule[] => {
  const webhooks: unknown = isRecord(live) ? live['webhooks'] : undefined;
  if (!Array.isArray(webhooks)) return [];
  return webhooks
    .flatMap((webhook: unknown): readonly unknown[] =>
      isRecord(webhook) && webhook['name'] === webhookName && Array.isArray(webhook['rules']) ? webhook['rules'] : [],
    )
    .slice(0, MAX_RULES)
    .flatMap(readRule);
};

/** Rules as policies that match just these, so that they can be joined with those of others. */
export const policiesMatching = (rules: readonly Rule[]): readonly CompiledPolicy[] =>
  rules.flatMap(({ apiGroups, apiVersions, resources, operations, scope }, index) => {
    const resourceRules = [
      {
        apiGroups: [...apiGroups],
        apiVersions: [...apiVersions],
        resources: [...resources],
        operations: operations.filter(isOperation),
        ...(scope === undefined ? {} : { scope }),
      },
    ];
    return compilePolicies([
      {
        policy: {
          apiVersion: 'writ.dev/v1alpha1',
          kind: 'Policy',
          metadata: { name: `standing-${index}` },
          spec: { version: 1, matchConstraints: { resourceRules }, validations: [{ expression: 'true' }] },
        },
        digest: '',
      },
    ]).set.policies;
  });
