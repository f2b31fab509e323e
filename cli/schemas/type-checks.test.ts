// SPDX-License-Identifier: Apache-2.0
// `type-checks.json`: policies, and what the type checker of kube-apiserver 1.36 (package validating, TypeChecker.Check, with the
// definitions of the API server itself) says of each: field, kind, column, message. Names of types are without their random number.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { pathText } from '../../policies/compile/expression.ts';
import { typeFindings } from '../../policies/compile/type-findings.ts';
import { isJsonObject } from '../../policies/document/json.ts';
import { TARGET, makeTypeTable, typeTableText } from './generate.ts';
import { knownTypes } from './index.ts';

type Row = { readonly spec: Parameters<typeof typeFindings>[0]; readonly warnings: readonly (readonly [string, string, number, string])[] };

const rows: readonly Row[] = JSON.parse(readFileSync(new URL('type-checks.json', import.meta.url), 'utf8'));
const known = knownTypes([]);

const told = ({ spec }: Row): readonly string[] =>
  typeFindings(spec, { known, isOurs: false }).flatMap(({ path, message, offset, kinds }) =>
    path[1] === 'validations' ? kinds.map((kind) => `${pathText(path)} ${kind} ${offset + 1} ${message}`) : [],
  );

const QUANTITY = /undefined field '(?:limits|requests|overhead|averageValue)'/;

/** Where ours differ on purpose. */
const isKnownDifference = (line: string): boolean =>
  // The API server's definitions give quantities no type, so it takes them for fields that are not there.
  QUANTITY.test(line) ||
  // It declares the authorizer without its type.
  line.includes("unexpected failed resolution of 'kubernetes.authorization.Authorizer'");

describe('types of objects', () => {
  for (const row of rows) {
    const text = (row.spec.validations ?? []).map(({ expression, messageExpression }) => messageExpression ?? expression).join('; ');
    it(text, () => {
      const theirs = row.warnings.map((warning) => warning.join(' ')).filter((line) => !isKnownDifference(line));
      // A variable that is an object is dyn to the API server; a rule's singular is a resource to its mapping.
      if (text === 'variables.a.foo == 1') assert.match(told(row).join(), /Kind=Pod 12 undefined field 'foo'$/);
      else if (row.spec.matchConstraints?.resourceRules?.[0]?.resources?.[0] === 'pod') assert.deepEqual(told(row), []);
      else assert.deepEqual(told(row).toSorted(), theirs.toSorted());
    });
  }

  it('come from the table that the models make', () => {
    assert.equal(readFileSync(TARGET, 'utf8'), typeTableText(makeTypeTable()));
  });

  it('end at a model that holds itself', () => {
    const type = known.kind({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' })?.type();
    assert.equal(type?.kind, 'struct');
  });
});

const definition = (schema: object): object => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [
      { name: 'v1', served: true, schema: { openAPIV3Schema: schema } },
      { name: 'v1old', served: false, schema: { openAPIV3Schema: schema } },
    ],
  },
});

describe('types of custom resources', () => {
  const schema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          size: { type: 'integer' },
          port: { 'x-kubernetes-int-or-string': true },
          'max-size': { type: 'number' },
          when: { type: 'string', format: 'date-time' },
          tags: { type: 'object', additionalProperties: { type: 'string' } },
          parts: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
          free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          template: { type: 'object', 'x-kubernetes-embedded-resource': true },
        },
      },
    },
  };
  const given = definition(schema);
  const custom = knownTypes(isJsonObject(given) ? [given] : []);
  const messages = (expression: string, version = 'v1'): readonly string[] =>
    typeFindings(
      {
        matchConstraints: {
          resourceRules: [{ apiGroups: ['example.com'], apiVersions: [version], operations: ['CREATE'], resources: ['widgets'] }],
        },
        validations: [{ expression }],
      },
      { known: custom, isOurs: true },
    ).map(({ message }) => message);

  it('are those of the schema', () => {
    for (const right of [
      "object.spec.size > 1 && object.spec.port == 'a' && object.spec.port == 1 && object.spec.max__dash__size > 1.5",
      "object.spec.when < timestamp('2020-01-01T00:00:00Z') && object.spec.tags.a == 'x' && object.spec.parts.all(p, p.name == 'x')",
      "object.metadata.labels.a == 'x' && object.spec.template.metadata.name == 'x' && object.kind == 'Widget'",
    ])
      assert.deepEqual(messages(right), [], right);
    for (const [wrong, message] of [
      ['object.spec.sice > 1', "undefined field 'sice'"],
      ["object.spec.size == 'x'", "found no matching overload for '_==_' applied to '(int, string)'"],
      ['object.spec.parts.all(p, p.nam == "x")', "undefined field 'nam'"],
      ['object.spec.free.x == 1', "undefined field 'x'"],
      ['object.spec.template.spec.x == 1', "undefined field 'spec'"],
    ] as const)
      assert.deepEqual(messages(wrong), [message], wrong);
  });

  it('are not looked for where a version is not served', () => {
    assert.deepEqual(messages('object.spec.sice > 1', 'v1old'), []);
  });
});

describe('types of what a workload is made of', () => {
  const messages = (expression: string, isOurs = true): readonly string[] =>
    typeFindings({ workloads: ['PodBearing'], validations: [{ expression }] }, { known, isOurs }).map(
      ({ message, kinds, offset }) => `${kinds.join()} ${offset} ${message}`,
    );

  it('are those of a pod, containers of all sorts in one', () => {
    for (const right of [
      "workload.containers.all(c, c.image.startsWith('a/') && c.resources.limits.cpu == '1' && c.ports.all(p, p.containerPort > 1))",
      "workload.containers.all(c, has(c.targetContainerName) || has(c.restartPolicy) || c.env.all(e, e.name != 'a'))",
      'workload.podSpec.hostNetwork && workload.podSpecs.all(s, s.volumes.all(v, !has(v.hostPath))) && workload.env.all(e, has(e.value))',
      "object.spec.containers.all(c, c.imagee == 'a')",
    ])
      assert.deepEqual(messages(right), [], right);
    for (const [wrong, message] of [
      ["workload.containers.all(c, c.imagee == 'a')", "/v1, Kind=Pod 28 undefined field 'imagee'"],
      ['workload.containers.all(c, has(c.securityContext.privilege))', "/v1, Kind=Pod 30 undefined field 'privilege'"],
      ['workload.podSpec.hostnetwork', "/v1, Kind=Pod 16 undefined field 'hostnetwork'"],
      ['workload.podSpecs.exists(s, s.hostPid)', "/v1, Kind=Pod 29 undefined field 'hostPid'"],
      ["workload.env.all(e, e.nme != 'a')", "/v1, Kind=Pod 21 undefined field 'nme'"],
    ] as const)
      assert.deepEqual(messages(wrong), [message], wrong);
  });
});
