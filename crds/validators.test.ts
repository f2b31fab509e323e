// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as validators from './generated/validators.js';
import { objectCases } from './object-cases/all.ts';

const validatorOf = (kind: unknown): validators.Validator<unknown> => {
  const found = Object.entries(validators).find(([name]) => name === `validate${String(kind)}`);
  assert.ok(found, `no validator of ${String(kind)}`);
  return found[1];
};
/** What arrives is JSON: a field that is undefined is not there. */
const asJson = (value: unknown): Record<string, unknown> => JSON.parse(JSON.stringify(value));

for (const { what, object, wrong } of objectCases) {
  test(`${String(object['kind'])}: ${what}`, () => {
    const value = asJson(object);
    const before = structuredClone(value);
    const validate = validatorOf(value['kind']);
    const good = validate(value);
    assert.deepEqual(value, before, 'a validator changes nothing');
    const errors = validate.errors ?? [];
    if (wrong === undefined) return assert.ok(good, JSON.stringify(errors));
    assert.equal(good, false);
    assert.ok(
      errors.some((error) => error.instancePath === wrong.at && error.keyword === wrong.keyword),
      JSON.stringify(errors),
    );
  });
}

const base = asJson(objectCases.find(({ what }) => what === 'an empty Tenant')?.object);
const wholeObject: readonly (readonly [string, object, string, string])[] = [
  ['another apiVersion', { apiVersion: 'writ.dev/v1' }, '/apiVersion', 'enum'],
  ['another kind', { kind: 'Policy' }, '/kind', 'enum'],
  ['no metadata', { metadata: undefined }, '', 'required'],
  ['no name', { metadata: {} }, '/metadata', 'required'],
  ['a name that is none', { metadata: { name: 'A_b' } }, '/metadata/name', 'pattern'],
  ['a namespace on a cluster-scoped object', { metadata: { name: 'a', namespace: 'b' } }, '/metadata/namespace', 'maxLength'],
  ['a misspelt field of metadata', { metadata: { name: 'a', lables: {} } }, '/metadata', 'additionalProperties'],
  ['a number as label', { metadata: { name: 'a', labels: { a: 1 } } }, '/metadata/labels/a', 'type'],
  ['an unknown field beside spec', { data: {} }, '', 'additionalProperties'],
];
for (const [what, changes, at, keyword] of wholeObject) {
  test(`any object: ${what}`, () => {
    assert.equal(validators.validateTenant(asJson({ ...base, ...changes })), false);
    const errors = validators.validateTenant.errors ?? [];
    assert.ok(
      errors.some((error) => error.instancePath === at && error.keyword === keyword),
      JSON.stringify(errors),
    );
  });
}

test('an object as the API server returns it is valid', () => {
  const metadata = {
    name: 'acme',
    uid: 'd9a4',
    resourceVersion: '12',
    generation: 1,
    creationTimestamp: '2026-05-01T10:00:00Z',
    managedFields: [
      {
        manager: 'kubectl',
        operation: 'Apply',
        apiVersion: 'writ.dev/v1alpha1',
        time: '2026-05-01T10:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:spec': {} },
      },
    ],
  };
  assert.ok(
    validators.validateTenant(asJson({ ...base, metadata, status: { observedGeneration: -1 } })),
    JSON.stringify(validators.validateTenant.errors),
  );
});

test('an own key __proto__ is refused like any unknown field', () => {
  const value: unknown = JSON.parse(
    '{"apiVersion":"writ.dev/v1alpha1","kind":"Tenant","metadata":{"name":"a"},"spec":{"__proto__":{"tier":"Free"}}}',
  );
  assert.equal(validators.validateTenant(value), false);
});

test('no validator throws, whatever it is given', () => {
  const kinds = fc.constantFrom(...Object.values(validators));
  fc.assert(fc.property(kinds, fc.anything(), (validate, value) => assert.equal(typeof validate(value), 'boolean')));
  const spec = fc.dictionary(fc.constantFrom('validations', 'matchConstraints', 'workloads', 'variables', 'signature'), fc.jsonValue());
  fc.assert(fc.property(spec, (any) => assert.equal(typeof validators.validatePolicy({ ...base, kind: 'Policy', spec: any }), 'boolean')));
});

test('the validators load and run with code generation from strings switched off', () => {
  const script = `const v = await import(${JSON.stringify(new URL('./generated/validators.js', import.meta.url).href)});
    console.log(v.validateTenant(JSON.parse(process.argv[1])), v.validatePolicy({}), v.validatePolicy.errors.length > 0);`;
  const out = execFileSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script, JSON.stringify(base)],
    { cwd: '/', encoding: 'utf8' },
  );
  assert.equal(out.trim(), 'true false true');
});
