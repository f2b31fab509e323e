// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { AccessDecision, Authorizer, GroupCheck, PathCheck, ResourceCheck } from '../values/authorizer.ts';
import type { AccessQuestion, AccessResource } from '../values/authorizer.ts';
import { CelError } from '../values/error.ts';
import { nameRules } from '../values/name-rules.ts';
import type { Value } from '../values/value.ts';
import { authorizer, decision, groupCheck, pathCheck, resourceCheck } from './opaque.ts';
import { string } from './parameters.ts';
import { entry, overload1, overload2, overload3 } from './table.ts';
import type { FunctionEntry, Library, Overload } from './table.ts';

const ask = (evaluation: Evaluation, { access }: Authorizer, question: AccessQuestion): Value | undefined => {
  const answer = access(question);
  return answer instanceof CelError ? evaluation.fail(answer.message) : new AccessDecision(answer);
};

const SERVICE_ACCOUNTS = 'system:serviceaccounts';

type Account = { readonly namespace: string; readonly name: string };

const serviceAccount = (evaluation: Evaluation, from: Authorizer, { namespace, name }: Account): Value | undefined => {
  if (!evaluation.strain((name.length + namespace.length) * 16)) return undefined;
  if (nameRules.dns1123Subdomain(name).length > 0) return evaluation.fail('Invalid service account name');
  if (nameRules.dns1123Label(namespace).length > 0) return evaluation.fail('Invalid service account namespace');
  const username = `system:serviceaccount:${namespace}:${name}`;
  return new Authorizer({ username, uid: '', groups: [SERVICE_ACCOUNTS, `${SERVICE_ACCOUNTS}:${namespace}`], extra: {} }, from.access);
};

const EVERY: AccessResource = { group: '', resource: '', subresource: '', namespace: '', name: '', fieldSelector: '', labelSelector: '' };

/** A text of nothing but white space names no path and no resource. */
const isBlank = (text: string): boolean => text.trim() === '';

const narrowed = (id: string, field: keyof AccessResource): Overload =>
  overload2({
    id,
    member: true,
    params: [resourceCheck, string],
    result: resourceCheck.type,
    run: (_evaluation, check, text) => new ResourceCheck(check.authorizer, { ...check.resource, [field]: text }),
  });

const narrow = (field: 'subresource' | 'namespace' | 'name'): FunctionEntry => entry(field, narrowed(`resourcecheck_${field}`, field));

const selector = (field: 'fieldSelector' | 'labelSelector'): FunctionEntry =>
  entry(field, { ...narrowed(`authorizer_${field.toLowerCase()}`, field) });

const told = (name: string, result: Type, of: (answer: AccessDecision['answer']) => Value): FunctionEntry =>
  entry(
    name,
    overload1({ id: `decision_${name}`, member: true, params: [decision], result, run: (_evaluation, { answer }) => of(answer) }),
  );

const authorizerFunctions: readonly FunctionEntry[] = [
  entry(
    'path',
    overload2({
      id: 'authorizer_path',
      member: true,
      params: [authorizer, string],
      result: pathCheck.type,
      run: (evaluation, from, path) => (isBlank(path) ? evaluation.fail('path must not be empty') : new PathCheck(from, path)),
    }),
  ),
  entry(
    'group',
    overload2({
      id: 'authorizer_group',
      member: true,
      params: [authorizer, string],
      result: groupCheck.type,
      run: (_evaluation, from, group) => new GroupCheck(from, group),
    }),
  ),
  entry(
    'serviceAccount',
    overload3({
      id: 'authorizer_serviceaccount',
      member: true,
      params: [authorizer, string, string],
      result: authorizer.type,
      run: (evaluation, { a, b, c }) => serviceAccount(evaluation, a, { namespace: b, name: c }),
    }),
  ),
  entry(
    'resource',
    overload2({
      id: 'groupcheck_resource',
      member: true,
      params: [groupCheck, string],
      result: resourceCheck.type,
      run: (evaluation, { authorizer: from, group }, resource) =>
        isBlank(resource) ? evaluation.fail('resource must not be empty') : new ResourceCheck(from, { ...EVERY, group, resource }),
    }),
  ),
  narrow('subresource'),
  narrow('namespace'),
  narrow('name'),
  entry(
    'check',
    overload2({
      id: 'pathcheck_check',
      member: true,
      params: [pathCheck, string],
      result: decision.type,
      run: (evaluation, { authorizer: from, path }, verb) => ask(evaluation, from, { user: from.user, verb, path }),
    }),
    overload2({
      id: 'resourcecheck_check',
      member: true,
      params: [resourceCheck, string],
      result: decision.type,
      run: (evaluation, { authorizer: from, resource }, verb) => ask(evaluation, from, { user: from.user, verb, resource }),
    }),
  ),
  told('allowed', types.BOOL, ({ allowed }) => allowed),
  told('reason', types.STRING, ({ reason }) => reason),
  told('errored', types.BOOL, ({ error }) => error !== ''),
  told('error', types.STRING, ({ error }) => error),
];

export const authorizerLibrary: Library = { name: 'kubernetes.authz', since: '1.27', functions: authorizerFunctions };

export const authorizerSelectorsLibrary: Library = {
  name: 'kubernetes.authzSelectors',
  since: '1.31',
  functions: [selector('fieldSelector'), selector('labelSelector')],
};
