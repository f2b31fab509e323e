// SPDX-License-Identifier: Apache-2.0
/**
 * What is fuzzed: the parser with the checker, evaluation, and whole decisions. Each target takes a seed, makes its input and says
 * what came of it as a text; an exception, or another text for the same seed, is a finding.
 *
 * In: a seed. Out: a text. `main.ts` runs them by the million, `fuzz.test.ts` by the thousand.
 */
import { compile, fromJson, isCelError, parseJson, toJson } from '../../policies/cel/index.ts';
import type { Value } from '../../policies/cel/index.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import { decide } from '../../policies/decide/index.ts';
import { parseReview } from '../../policies/decide/request.ts';
import { subjectOf } from '../../policies/subject/index.ts';
import { agentPod, loadPolicies, writPolicy } from '../load/agent-policies.ts';
import { expressionText } from './expressions.ts';
import { randomOf } from './random.ts';
import { reviewText } from './reviews.ts';

export type Target = { readonly input: (seed: number) => string; readonly run: (input: string) => string };

const VARIABLES = ['object', 'self', 'request', 'variables', 'x'];

const expressions: Target = {
  input: (seed) => expressionText(randomOf(seed)),
  run: (text) => {
    const compiled = compile(text, { variables: VARIABLES });
    if (!compiled.ok) return compiled.issues.map(({ line, column, message }) => `${line}:${column}: ${message}`).join('\n');
    const result = compiled.program.evaluate(bindings, { remaining: 20_000 });
    return isCelError(result) ? `error at ${result.offset}: ${result.message}` : show(result);
  },
};

const bindings: Readonly<Record<string, Value>> = {
  object: parseJson(JSON.stringify(agentPod({ namespace: 'ns' }))),
  self: parseJson(
    '{"text":"10Mi","n":7,"key":"a","at":"2026-03-29T01:30:00Z","items":[{"v":3,"name":"c"},{"v":1,"name":"__proto__"},{"v":2}]}',
  ),
  request: fromJson({ name: 'n', operation: 'CREATE' }),
  variables: fromJson({ a: 1, b: true, c: false }),
  x: 5,
};

const show = (value: Value): string =>
  JSON.stringify(toJson(value), (_key, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part)) ?? 'nothing';

const { set } = compilePolicies([
  ...loadPolicies(12).map((policy) => ({ policy: writPolicy(policy, ['acme']), digest: `sha256:${policy.index}` })),
  ...[
    "workload.containers.all(c, c.image.startsWith('registry.example.com/')) || agent.tools.size() > 2",
    "object.metadata.labels.all(k, k.size() < 20) && string(object.metadata.name) != 'x' && oldObject.spec == object.spec",
    "object.spec.containers.map(c, quantity(c.resources.limits.memory)).all(q, q.isLessThan(quantity('4Gi')))",
  ].map((expression, index) => {
    const name = `fuzz-${index}`;
    const policy = writPolicy({ name, index, expression, message: name }, ['acme']);
    const spec = {
      ...policy.spec,
      matchConstraints: { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['*' as const] }] },
    };
    return { policy: { ...policy, spec }, digest: `sha256:fuzz-${index}` };
  }),
]);

const NAMESPACE = { metadata: { name: 'ns', labels: { 'writ.dev/tenant': 'acme' } } };
const TENANT = { metadata: { name: 'acme' }, spec: { tier: 'Free' } };

const decisions: Target = {
  input: (seed) => reviewText(randomOf(seed)),
  run: (text) => {
    const parsed = parseReview(text);
    if (!parsed.ok) return parsed.problem.code;
    const { request } = parsed;
    return JSON.stringify(decide(set, subjectOf(request), { request, namespaceObject: NAMESPACE, tenant: TENANT }));
  },
};

export const targets = { expressions, decisions } as const;
