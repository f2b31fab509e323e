// SPDX-License-Identifier: Apache-2.0
// Reviews for `decide`: workloads in which anything may be anything, with keys and numbers that have led engines astray.
import type { Random } from './random.ts';

const KEYS = [
  'metadata',
  'spec',
  'name',
  'labels',
  'annotations',
  'containers',
  'initContainers',
  'template',
  'image',
  'env',
  'value',
  'resources',
  'limits',
  'securityContext',
  'privileged',
  'volumes',
  'hostPath',
  'replicas',
  'team',
  'a',
  '',
  '__proto__',
  'constructor',
  'toString',
  'length',
] as const satisfies readonly [string, ...string[]];

const LEAVES = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '1',
  '1.0',
  '-1.5',
  '1e308',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '1e-400',
  '""',
  '"a"',
  '"registry.example.com/a@sha256:0"',
  '"\\ud800"',
  '"\\u0000"',
  '"😀"',
  '"1Gi"',
  '"10.0.0.1"',
  '"2026-01-01T00:00:00Z"',
  '"__proto__"',
] as const satisfies readonly [string, ...string[]];

const value = (random: Random, depth: number): string => {
  const kind = depth === 0 ? 0 : random.below(6);
  if (kind < 2) return random.pick(LEAVES);
  const items = Array.from({ length: random.below(4) }, () => value(random, depth - 1));
  if (kind < 4) return `[${items.join()}]`;
  return `{${items.map((item) => `${JSON.stringify(random.pick(KEYS))}:${item}`).join()}}`;
};

const container = (random: Random): string =>
  `{"name":${value(random, 1)},"image":${random.pick(LEAVES)},"env":${value(random, 2)},"securityContext":${value(random, 2)},"resources":{"limits":${value(random, 1)}}}`;

/** Half of them look like a Pod, so that expressions get somewhere. */
const object = (random: Random): string => {
  if (random.below(2) === 0)
    return `{${Array.from({ length: random.below(5) }, () => `${JSON.stringify(random.pick(KEYS))}:${value(random, 4)}`).join()}}`;
  const containers = Array.from({ length: random.below(4) }, () => (random.below(4) === 0 ? value(random, 2) : container(random)));
  const metadata = `{"name":${random.pick(LEAVES)},"labels":${value(random, 1)},"annotations":${value(random, 1)}}`;
  return `{"apiVersion":"v1","kind":"Pod","metadata":${metadata},"spec":{"containers":[${containers.join()}],"volumes":${value(random, 3)}}}`;
};

const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;

/** A text that is an AdmissionReview, whatever its object is. */
export const reviewText = (random: Random): string => {
  const operation = random.pick(OPERATIONS);
  const now = operation === 'DELETE' ? 'null' : object(random);
  const before = operation === 'CREATE' || operation === 'CONNECT' ? 'null' : object(random);
  const kind = '{"group":"","version":"v1","kind":"Pod"}';
  const resource = '{"group":"","version":"v1","resource":"pods"}';
  const user = `{"username":"u","groups":["g"],"extra":{"__proto__":["x"],"a":["b"]}}`;
  const options = value(random, 1).startsWith('{') ? value(random, 2) : 'null';
  return `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","kind":${kind},"resource":${resource},"name":"n","namespace":"ns","operation":"${operation}","userInfo":${user},"object":${now},"oldObject":${before},"options":${options}}}`;
};
