// SPDX-License-Identifier: Apache-2.0
// What is checked in is what the generator makes, and the schemas keep the rules of the house.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generatedFiles } from './generate.ts';
import { crdSchema, isSchema, properties, readCrd } from './generate/schema.ts';
import type { JsonSchema } from './generate/schema.ts';
import { crdKinds, isSealedKind, licenses, priceBooks, tierCatalogs } from './kinds.ts';

test('generated/ is what the generator makes', async () => {
  for (const [name, text] of Object.entries(await generatedFiles())) {
    const held = readFileSync(new URL(`./generated/${name}`, import.meta.url), 'utf8');
    assert.ok(held === text, `crds/generated/${name} is not up to date: run make generate`);
  }
});

type Visit = (schema: JsonSchema, path: string, isField: boolean) => void;
const walk = (schema: JsonSchema, path: string, visit: Visit, isField = true): void => {
  visit(schema, path, isField);
  for (const [name, field] of properties(schema)) walk(field, `${path}.${name}`, visit);
  const { items, additionalProperties } = schema;
  if (isSchema(items)) walk(items, `${path}[]`, visit, false);
  if (isSchema(additionalProperties)) walk(additionalProperties, `${path}{}`, visit, false);
};

for (const resource of crdKinds) {
  const schema = crdSchema(resource);
  const found = (bad: (schema: JsonSchema, isField: boolean) => boolean): readonly string[] => {
    const paths: string[] = [];
    walk(schema, resource.kind, (part, path, isField) => {
      if (!path.endsWith('.metadata') || path.includes('.spec.')) if (bad(part, isField)) paths.push(path);
    });
    return paths;
  };

  test(`${resource.kind}: every field has a description that ends like a sentence`, () => {
    assert.deepEqual(
      found((part, isField) => isField && !(typeof part['description'] === 'string' && part['description'].endsWith('.'))),
      [],
    );
  });

  test(`${resource.kind}: lists, maps and texts are bounded`, () => {
    assert.deepEqual(
      found((part) => part['type'] === 'array' && typeof part['maxItems'] !== 'number'),
      [],
    );
    assert.deepEqual(
      found((part) => part['additionalProperties'] !== undefined && typeof part['maxProperties'] !== 'number'),
      [],
    );
    const isText = (part: JsonSchema): boolean => part['type'] === 'string' && part['enum'] === undefined && part['format'] === undefined;
    const wireFields = [`${resource.kind}.apiVersion`, `${resource.kind}.kind`];
    assert.deepEqual(
      found((part) => isText(part) && typeof part['maxLength'] !== 'number').filter((path) => !wireFields.includes(path)),
      [],
    );
  });

  test(`${resource.kind}: every list says how entries are merged`, () => {
    assert.deepEqual(
      found((part) => part['type'] === 'array' && part['x-kubernetes-list-type'] === undefined),
      [],
    );
  });

  test(`${resource.kind}: status starts at observedGeneration -1 and has conditions`, () => {
    const status = Object.fromEntries(properties(schema))['status'] ?? {};
    assert.deepEqual(status['default'], { observedGeneration: -1 });
    assert.ok(Object.fromEntries(properties(status))['conditions']);
  });

  test(`${resource.kind}: columns end with Ready, Status and Age`, () => {
    const { spec } = readCrd(resource);
    const versions = isSchema(spec) ? spec['versions'] : undefined;
    const version: unknown = Array.isArray(versions) ? versions[0] : undefined;
    const columns = isSchema(version) ? version['additionalPrinterColumns'] : undefined;
    assert.ok(Array.isArray(columns));
    // What has a priority is shown by `-o wide` only.
    const plain = columns.filter((column: { priority?: number }) => column.priority === undefined);
    assert.ok(plain.length >= 4 && plain.length <= 5);
    assert.deepEqual(
      plain.slice(-3).map((column: { name: string }) => column.name),
      ['Ready', 'Status', 'Age'],
    );
  });
}

test('no default stands where a signature counts', () => {
  for (const resource of crdKinds.filter(({ kind }) => kind === 'TrustPolicy' || isSealedKind(kind))) {
    walk(crdSchema(resource), resource.kind, (part, path) => {
      if (!path.startsWith(`${resource.kind}.status`)) assert.equal(part['default'], undefined, path);
    });
  }
});

// One controller writes the status of all of them, and the API server refuses a status with a field that a schema lacks.
test('documents that one controller tells of have the same status', () => {
  const statusOf = (resource: (typeof crdKinds)[number]): readonly string[] => {
    const status = Object.fromEntries(properties(crdSchema(resource)))['status'] ?? {};
    return properties(status).map(([name]) => name);
  };
  for (const resource of [licenses, priceBooks]) assert.deepEqual(statusOf(resource), statusOf(tierCatalogs), resource.kind);
});
