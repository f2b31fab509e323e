// SPDX-License-Identifier: Apache-2.0
// The rules that the CRDs state in CEL (`x-kubernetes-validations`), for documents that have not met an API server yet.
// The generated validators leave them out; a test holds each rule of the CRDs present here, by its message.
import { isIP } from 'node:net';
import { durationMs } from './duration.ts';
import type { ParsedDocument } from './index.ts';
import type { Problem } from '../problem.ts';
import { formatPath, isJsonObject, own } from './json.ts';
import type { JsonObject, JsonPath, JsonValue } from './json.ts';

type SchemaRule = {
  readonly kind: string;
  /** Steps from the root; `[]` is every item of a list. */
  readonly path: readonly string[];
  readonly message: string;
  readonly holds: (value: JsonValue) => boolean;
};

const list = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);
const record = (value: JsonValue | undefined): JsonObject => (isJsonObject(value) ? value : {});
const string = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');
const has = (value: JsonValue, field: string): boolean => own(record(value), field) !== undefined;
const nameOf = (value: JsonValue): string => string(own(record(value), 'name'));
const keys = (value: JsonValue): readonly string[] => Object.keys(record(value));
const countOf = (value: JsonValue, fields: readonly string[]): number => fields.filter((field) => has(value, field)).length;

const isRetired = (spec: JsonValue): boolean => own(record(spec), 'retired') === true;

const climbs = (path: string): boolean => path.startsWith('/') || path.split('/').includes('..');

const HOUR_MS = 3_600_000;
const MAX_GRACE_MS = 720 * HOUR_MS;

const isAddressBlock = (text: string): boolean => {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = isIP(address);
  return rest.length === 0 && family !== 0 && /^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
};

const subjectHolds = (subject: JsonValue): boolean => (own(record(subject), 'kind') === 'ServiceAccount') === has(subject, 'namespace');
const SUBJECT_MESSAGE = 'a ServiceAccount needs its namespace, a User or Group has none';

const rulesNameListed = (spec: JsonValue): boolean => {
  const listed = new Set(list(own(record(spec), 'principals')).map(nameOf));
  const groups = list(own(record(spec), 'rules')).flatMap((rule) => list(own(record(rule), 'allOf')));
  return groups.every((group) => list(own(record(group), 'principals')).every((name) => listed.has(string(name))));
};

type Demand = Pick<SchemaRule, 'message' | 'holds'>;
const defaultIsAllowed: Demand = {
  message: 'default must be one of allowed',
  holds: (classes) => {
    const [chosen, allowed] = [own(record(classes), 'default'), own(record(classes), 'allowed')];
    return chosen === undefined || allowed === undefined || list(allowed).includes(chosen);
  },
};
const graceNeedsEnd: Demand = {
  message: 'gracePeriod needs expires',
  holds: (spec) => !has(spec, 'gracePeriod') || has(spec, 'expires'),
};
const graceIsBounded: Demand = {
  message: 'gracePeriod must be at most 720h',
  holds: (duration) => durationMs(string(duration)) <= MAX_GRACE_MS,
};

export const schemaRules: readonly SchemaRule[] = [
  {
    kind: 'TrustPolicy',
    path: [],
    message: 'the one TrustPolicy is named cluster',
    holds: (root) => nameOf(own(record(root), 'metadata') ?? null) === 'cluster',
  },
  {
    kind: 'TrustPolicy',
    path: ['spec'],
    message: 'every principal that a rule names must be listed under principals',
    holds: rulesNameListed,
  },
  {
    kind: 'TrustPolicy',
    path: ['spec', 'principals', '[]'],
    message: 'a principal has either an identity or publicKeys',
    holds: (principal) => countOf(principal, ['identity', 'publicKeys']) === 1,
  },
  {
    kind: 'TrustPolicy',
    path: ['spec', 'principals', '[]', 'publicKeys', '[]', 'pem'],
    message: 'pem must be a public key in PEM (BEGIN PUBLIC KEY)',
    holds: (pem) => string(pem).startsWith('-----BEGIN PUBLIC KEY-----'),
  },
  {
    kind: 'TrustPolicy',
    path: ['spec', 'rules', '[]', 'allOf', '[]'],
    message: 'threshold must not be more than the number of principals',
    holds: (group) => Number(own(record(group), 'threshold')) <= list(own(record(group), 'principals')).length,
  },
  {
    kind: 'GitSource',
    path: [],
    message: 'metadata.name must be at most 51 characters, so that NAMESPACE.NAME fits into a label',
    holds: (root) => nameOf(own(record(root), 'metadata') ?? null).length <= 51,
  },
  {
    kind: 'GitSource',
    path: ['spec', 'url'],
    message: 'url must start with https://, ssh:// or file:///; write ssh://git@host/path for git@host:path',
    holds: (url) => /^(?:https:\/\/|ssh:\/\/|file:\/\/\/)/.test(string(url)),
  },
  {
    kind: 'GitSource',
    path: ['spec', 'url'],
    message: 'url must not carry credentials, put them into the Secret named by secretRef',
    holds: (url) => !/^https?:\/\/[^/]*@/.test(string(url)) && !/^ssh:\/\/[^/@]*:[^/]*@/.test(string(url)),
  },
  {
    kind: 'GitSource',
    path: ['spec', 'url'],
    message: 'url must not contain white space',
    holds: (url) => !/[\s\p{Cc}]/u.test(string(url)),
  },
  {
    kind: 'GitSource',
    path: ['spec', 'ref'],
    message: 'at most one of tag, semver and name may be given',
    holds: (ref) => countOf(ref, ['tag', 'semver', 'name']) <= 1,
  },
  {
    kind: 'GitSource',
    path: ['spec', 'path'],
    message: 'path must be relative and stay within the repository',
    holds: (path) => !climbs(string(path)),
  },
  {
    kind: 'GitSource',
    path: ['spec', 'interval'],
    message: 'interval must be at least 1s',
    holds: (interval) => durationMs(string(interval)) >= 1000,
  },
  {
    kind: 'GitSource',
    path: ['spec', 'timeout'],
    message: 'timeout must be at least 1s',
    holds: (timeout) => durationMs(string(timeout)) >= 1000,
  },
  {
    kind: 'Tenant',
    path: ['metadata', 'name'],
    message: 'metadata.name must be a label value without dots, at most 63 lower-case letters, digits and hyphens',
    holds: (name) => string(name).length <= 63 && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(string(name)),
  },
  { kind: 'Tenant', path: ['spec', 'owners', '[]'], message: SUBJECT_MESSAGE, holds: subjectHolds },
  { kind: 'Tenant', path: ['spec', 'additionalRoleBindings', '[]', 'subjects', '[]'], message: SUBJECT_MESSAGE, holds: subjectHolds },
  {
    kind: 'Tenant',
    path: ['spec', 'namespaces'],
    message: 'items must not be more than quota',
    holds: (namespaces) => {
      const quota = own(record(namespaces), 'quota');
      return typeof quota !== 'number' || list(own(record(namespaces), 'items')).length <= quota;
    },
  },
  {
    kind: 'Tenant',
    path: ['spec', 'namespaces', 'items', '[]', 'name'],
    message: 'system namespaces never belong to a tenant',
    holds: (name) => !string(name).startsWith('kube-') && name !== 'default' && name !== 'writ-system',
  },
  {
    kind: 'Tenant',
    path: ['spec', 'namespaces', 'metadata', 'labels'],
    message: "labels under writ.dev, kubernetes.io and pod-security.kubernetes.io are not the tenant's to set",
    holds: (labels) =>
      keys(labels).every(
        (key) =>
          key !== 'writ.dev' && !['writ.dev/', 'kubernetes.io/', 'pod-security.kubernetes.io/'].some((prefix) => key.startsWith(prefix)),
      ),
  },
  {
    kind: 'Tenant',
    path: ['spec', 'namespaces', 'metadata', 'annotations'],
    message: "annotations under writ.dev are not the tenant's to set",
    holds: (annotations) => keys(annotations).every((key) => !key.startsWith('writ.dev/')),
  },
  { kind: 'Tenant', path: ['spec', 'scheduling', 'priorityClasses'], ...defaultIsAllowed },
  { kind: 'Tenant', path: ['spec', 'scheduling', 'runtimeClasses'], ...defaultIsAllowed },
  {
    kind: 'Tenant',
    path: ['spec', 'network', 'egress', '[]', 'cidrs', '[]'],
    message: 'must be an address block such as 10.20.0.0/16',
    holds: (block) => isAddressBlock(string(block)),
  },
  {
    kind: 'TierCatalog',
    path: [],
    message: 'the one TierCatalog is named cluster',
    holds: (root) => nameOf(own(record(root), 'metadata') ?? null) === 'cluster',
  },
  {
    kind: 'TierCatalog',
    path: ['spec'],
    message: 'a catalog either has tiers or is retired',
    holds: (spec) => has(spec, 'tiers') !== isRetired(spec),
  },
  {
    kind: 'TierCatalog',
    path: ['spec'],
    message: 'defaultTier must be one of tiers',
    holds: (spec) => {
      const named = own(record(spec), 'defaultTier');
      return named === undefined || !has(spec, 'tiers') || list(own(record(spec), 'tiers')).some((tier) => nameOf(tier) === named);
    },
  },
  {
    kind: 'License',
    path: ['spec'],
    message: 'a license names installation, tier and expires, or is retired',
    holds: (spec) => countOf(spec, ['installation', 'tier', 'expires']) === 3 || isRetired(spec),
  },
  { kind: 'License', path: ['spec'], ...graceNeedsEnd },
  { kind: 'License', path: ['spec', 'gracePeriod'], ...graceIsBounded },
  {
    kind: 'Ruleset',
    path: ['spec'],
    message: 'a ruleset either has policies or is retired',
    holds: (spec) => has(spec, 'policies') !== isRetired(spec),
  },
  { kind: 'Ruleset', path: ['spec'], ...graceNeedsEnd },
  { kind: 'Ruleset', path: ['spec', 'gracePeriod'], ...graceIsBounded },
  {
    kind: 'Ruleset',
    path: ['spec', 'policies', '[]', 'path'],
    message: "path must be relative and stay below the ruleset's folder",
    holds: (path) => !climbs(string(path)),
  },
  {
    kind: 'Policy',
    path: ['spec'],
    message: 'one of validations, jsonSchema and auditAnnotations must be given',
    holds: (spec) =>
      isRetired(spec) ||
      has(spec, 'jsonSchema') ||
      ['validations', 'auditAnnotations'].some((field) => list(own(record(spec), field)).length > 0),
  },
  {
    kind: 'Policy',
    path: ['spec'],
    message: 'one of matchConstraints and workloads must be given',
    holds: (spec) => isRetired(spec) || countOf(spec, ['matchConstraints', 'workloads']) > 0,
  },
  { kind: 'Policy', path: ['spec'], ...graceNeedsEnd },
  { kind: 'Policy', path: ['spec', 'gracePeriod'], ...graceIsBounded },
];

type Found = { readonly path: JsonPath; readonly value: JsonValue };

const select = (found: Found, steps: readonly string[]): readonly Found[] => {
  const [step, ...rest] = steps;
  if (step === undefined) return [found];
  if (step === '[]') return list(found.value).flatMap((value, index) => select({ path: [...found.path, index], value }, rest));
  const value = own(record(found.value), step);
  return value === undefined ? [] : select({ path: [...found.path, step], value }, rest);
};

/** For a document that fits the schema; the first broken rule of each place. */
export const checkRules = (kind: string, document: ParsedDocument): readonly Problem[] => {
  const broken = schemaRules
    .filter((rule) => rule.kind === kind)
    .flatMap((rule) =>
      select({ path: [], value: document.value }, rule.path)
        .filter(({ value }) => !rule.holds(value))
        .map(({ path }) => ({ path, message: rule.message })),
    );
  return broken.map(({ path, message }) => ({
    code: 'DOCUMENT_INVALID',
    message,
    at: document.positionOf(path),
    ...(path.length === 0 ? {} : { path: formatPath(path) }),
  }));
};
