// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { fieldNames } from './field-names.ts';
import { parseDocument } from './index.ts';
import { isJsonObject } from './json.ts';
import { schemaRules } from './schema-rules.ts';
import { validateDocument } from './validate.ts';
import type { ValidateOutcome } from './validate.ts';

const validate = (text: string): ValidateOutcome => {
  const parsed = parseDocument(Buffer.from(text), 'a.yaml');
  assert.ok(parsed.ok, parsed.ok ? '' : JSON.stringify(parsed.problems));
  return validateDocument(parsed.document);
};

/** `line:column CODE path: message` of each problem. */
const findings = (text: string): readonly string[] => {
  const outcome = validate(text);
  return outcome.ok
    ? []
    : outcome.problems.map(({ code, at, path, message }) => `${at?.line}:${at?.column} ${code} ${path ?? ''}: ${message}`);
};

const policy = (...lines: readonly string[]): string =>
  [
    'apiVersion: writ.dev/v1alpha1',
    'kind: Policy',
    'metadata: {name: a}',
    'spec:',
    '  version: 1',
    '  workloads: [Agent]',
    '  validations: [{expression: "true"}]',
    ...lines,
    '',
  ].join('\n');

describe('one mistake gives one problem, where it stands', () => {
  const rows: readonly (readonly [name: string, text: string, findings: readonly string[]])[] = [
    ['nothing wrong', policy('  expires: 2027-03-01T00:00:00Z'), []],
    [
      'a misspelt field',
      policy('  enforcment: Deny'),
      ['8:3 DOCUMENT_UNKNOWN_FIELD spec.enforcment: unknown field, did you mean enforcement?'],
    ],
    ['an unknown field', policy('  zebra: 1'), ['8:3 DOCUMENT_UNKNOWN_FIELD spec.zebra: unknown field']],
    ['a field of another place', policy('  secretRef: {}'), ['8:3 DOCUMENT_UNKNOWN_FIELD spec.secretRef: unknown field']],
    ['an inherited name', policy('  constructor: 1'), ['8:3 DOCUMENT_UNKNOWN_FIELD spec.constructor: unknown field']],
    ['a wrong type', policy('  title: 12'), ['8:3 DOCUMENT_INVALID spec.title: must be text, is a number']],
    ['a wrong value', policy('  enforcement: deny'), ['8:3 DOCUMENT_INVALID spec.enforcement: must be one of Deny, Warn, Audit, is deny']],
    ['a wrong time', policy('  expires: tomorrow'), ['8:3 DOCUMENT_INVALID spec.expires: must be a time in RFC 3339, is tomorrow']],
    ['an empty value', policy('  title:'), ['8:3 DOCUMENT_INVALID spec.title: must be text, is empty']],
    [
      'two mistakes',
      policy('  titel: x', '  severity: 1'),
      [
        '8:3 DOCUMENT_UNKNOWN_FIELD spec.titel: unknown field, did you mean title?',
        '9:3 DOCUMENT_INVALID spec.severity: must be one of low, medium, high, critical, is 1',
      ],
    ],
    [
      'a misspelt field that is required is not also missing',
      policy('  matchConditions:', '  - nmae: x', '    expression: "true"'),
      ['9:5 DOCUMENT_UNKNOWN_FIELD spec.matchConditions[0].nmae: unknown field, did you mean name?'],
    ],
    [
      'a missing field',
      policy('  matchConditions:', '  - name: x'),
      ['9:5 DOCUMENT_INVALID spec.matchConditions[0]: expression is missing'],
    ],
    [
      'int-or-string is one mistake, not three',
      'apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: a}\nspec:\n  resourceQuotas:\n  - name: x\n    hard: {pods: true}\n',
      ['7:12 DOCUMENT_INVALID spec.resourceQuotas[0].hard.pods: must be a whole number or text, is a boolean'],
    ],
    [
      'a rule of the CRD',
      'apiVersion: writ.dev/v1alpha1\nkind: Policy\nmetadata: {name: a}\nspec:\n  validations: [{expression: "1"}]\n',
      ['4:1 DOCUMENT_INVALID spec: one of matchConstraints and workloads must be given'],
    ],
    ['another apiVersion', 'apiVersion: v1\nkind: Policy\n', ['1:1 DOCUMENT_UNKNOWN_KIND apiVersion: apiVersion "v1" is not known']],
    ['another kind', 'apiVersion: writ.dev/v1alpha1\nkind: Polciy\n', ['2:1 DOCUMENT_UNKNOWN_KIND kind: kind "Polciy" is not known']],
    ['no kind', 'apiVersion: writ.dev/v1alpha1\n', ['1:1 DOCUMENT_UNKNOWN_KIND kind: kind is missing']],
    [
      'a kind of hostile name',
      'apiVersion: writ.dev/v1alpha1\nkind: constructor\n',
      ['2:1 DOCUMENT_UNKNOWN_KIND kind: kind "constructor" is not known'],
    ],
  ];
  for (const [name, text, expected] of rows) it(name, () => assert.deepEqual(findings(text), expected));

  it('the hint says which word was meant', () => {
    const hintOf = (text: string): string | undefined => {
      const outcome = validate(text);
      return outcome.ok ? undefined : outcome.problems[0]?.hint;
    };
    assert.equal(hintOf(policy('  enforcment: Deny')), 'write enforcement');
    assert.equal(hintOf(policy('  enforcement: deny')), 'did you mean Deny?');
    assert.equal(hintOf(policy('  title: 12')), 'quote it: "12"');
    assert.equal(hintOf('apiVersion: writ.dev/v1alpha1\nkind: Polciy\n'), 'did you mean Policy?');
  });
});

describe('the CRDs', () => {
  type Rule = { readonly kind: string; readonly path: readonly string[]; readonly message: string };
  const rules: Rule[] = [];
  const fields = new Set(['apiVersion', 'kind', 'metadata', 'spec', 'name', 'namespace', 'labels', 'annotations']);

  const walk = (schema: unknown, kind: string, path: readonly string[]): void => {
    if (!isJsonObject(schema)) return;
    const validations = schema['x-kubernetes-validations'];
    for (const rule of Array.isArray(validations) ? validations : []) rules.push({ kind, path, message: String(rule.message) });
    for (const [name, child] of Object.entries(schema['properties'] ?? {})) {
      if (path[0] === 'spec') fields.add(name);
      if (name !== 'status' && name !== 'signature') walk(child, kind, [...path, name]);
    }
    if (schema['items'] !== undefined) walk(schema['items'], kind, [...path, '[]']);
  };

  const folder = new URL('../../crds/', import.meta.url);
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
    const crd: { kind: string; spec: { names: { kind: string }; versions: { schema: { openAPIV3Schema: unknown } }[] } } = parse(
      readFileSync(new URL(file, folder), 'utf8'),
    );
    if (crd.kind === 'CustomResourceDefinition') walk(crd.spec.versions[0]?.schema.openAPIV3Schema, crd.spec.names.kind, []);
  }

  it('have no rule that is not checked here as well', () => {
    const known = new Set(schemaRules.map(({ kind, message }) => `${kind}: ${message}`));
    assert.ok(rules.length > 20);
    assert.deepEqual(
      rules.filter(({ kind, message }) => !known.has(`${kind}: ${message}`)),
      [],
    );
    const stated = new Set(rules.map(({ kind, message }) => `${kind}: ${message}`));
    assert.deepEqual(
      schemaRules.filter(({ kind, message }) => !stated.has(`${kind}: ${message}`)),
      [],
    );
  });

  it('have exactly the fields that can be suggested', () => {
    assert.deepEqual([...fields].toSorted(), [...fieldNames].toSorted());
  });
});

describe('the rules of the CRDs', () => {
  const broken: readonly (readonly [kind: string, spec: string, message: string])[] = [
    ['Tenant', 'namespaces: {quota: 1, items: [{name: a}, {name: b}]}', 'items must not be more than quota'],
    ['Tenant', 'namespaces: {items: [{name: kube-system}]}', 'system namespaces never belong to a tenant'],
    [
      'Tenant',
      'namespaces: {metadata: {labels: {"writ.dev/tenant": x}}}',
      "labels under writ.dev, kubernetes.io and pod-security.kubernetes.io are not the tenant's to set",
    ],
    [
      'Tenant',
      'namespaces: {metadata: {labels: {"pod-security.kubernetes.io/enforce": privileged}}}',
      "labels under writ.dev, kubernetes.io and pod-security.kubernetes.io are not the tenant's to set",
    ],
    ['Tenant', 'owners: [{kind: ServiceAccount, name: x}]', 'a ServiceAccount needs its namespace, a User or Group has none'],
    ['Tenant', 'network: {egress: [{name: x, cidrs: [10.0.0.0/33]}]}', 'must be an address block such as 10.20.0.0/16'],
    ['GitSource', 'url: https://me:secret@host/x', 'url must not carry credentials, put them into the Secret named by secretRef'],
    ['GitSource', 'url: https://host/x\n  path: a/../../b', 'path must be relative and stay within the repository'],
    ['GitSource', 'url: https://host/x\n  interval: 10ms', 'interval must be at least 1s'],
    ['GitSource', 'url: http://host/x', 'url must start with https://, ssh:// or file:///; write ssh://git@host/path for git@host:path'],
    ['GitSource', 'url: https://host/x\n  ref: {tag: a, semver: ">1"}', 'at most one of tag, semver and name may be given'],
    ['TierCatalog', 'version: 1', 'a catalog either has tiers or is retired'],
    ['TierCatalog', 'version: 1\n  defaultTier: Free\n  tiers: [{name: Starter}]', 'defaultTier must be one of tiers'],
    ['License', 'version: 1', 'a license names installation, tier and expires, or is retired'],
  ];
  for (const [kind, spec, message] of broken) {
    it(`${kind}: ${message}`, () => {
      const metadata = kind === 'GitSource' ? '{name: a, namespace: b}' : kind === 'TierCatalog' ? '{name: cluster}' : '{name: a}';
      const outcome = validate(`apiVersion: writ.dev/v1alpha1\nkind: ${kind}\nmetadata: ${metadata}\nspec:\n  ${spec}\n`);
      assert.ok(!outcome.ok);
      assert.deepEqual(
        outcome.problems.map((problem) => problem.message),
        [message],
      );
    });
  }
});
