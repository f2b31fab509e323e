// SPDX-License-Identifier: Apache-2.0
// What a ruleset says of a member in place of the policy itself: its strength, and settings by name.
import type { Policy, RulesetPolicy } from '../../crds/generated/objects.ts';

type Member = Pick<RulesetPolicy, 'enforcement' | 'params'>;

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const fieldsOf = (value: unknown): readonly string[] => (isMapping(value) ? Object.keys(value) : []);

/** A setting that no expression can have been written for is a misspelt one. */
export const settingsProblem = (
  { spec, metadata }: Policy,
  { params }: Member,
): { readonly message: string; readonly path: readonly string[] } | undefined => {
  if (params === undefined) return undefined;
  if (spec.params === undefined) return { message: `policy ${metadata.name} takes no params`, path: [] };
  const { schema, defaults } = spec.params;
  const additional = isMapping(schema) && Object.hasOwn(schema, 'additionalProperties') ? schema['additionalProperties'] : undefined;
  if (additional === true || isMapping(additional)) return undefined;
  const properties = isMapping(schema) && Object.hasOwn(schema, 'properties') ? schema['properties'] : undefined;
  const known = [...new Set([...fieldsOf(properties), ...fieldsOf(defaults)])];
  const strange = fieldsOf(params).find((name) => !known.includes(name));
  if (strange === undefined || known.length === 0) return undefined;
  return { message: `policy ${metadata.name} has no setting ${strange}; it has ${known.join(', ')}`, path: [strange] };
};

/** The policy as the release means it. */
export const withMemberSettings = (policy: Policy, { enforcement, params }: Member): Policy => ({
  ...policy,
  spec: {
    ...policy.spec,
    ...(enforcement === undefined ? {} : { enforcement }),
    ...(params === undefined || policy.spec.params === undefined
      ? {}
      : { params: { ...policy.spec.params, defaults: { ...policy.spec.params.defaults, ...params } } }),
  },
});
