// SPDX-License-Identifier: Apache-2.0
/**
 * The same policies enforced by a live API server and decided by Writ on the reviews that a webhook was sent.
 *
 * In: how many policies, and the seed that repeats a run. Out: counts and whatever differed in verdict, message, reason,
 * warnings or audit annotations. A request is made twice, dry: first while nothing is in force, so that the webhook is
 * asked (a denial by a policy comes before it), then with all policies in force. The server takes new policies up once a second, so all
 * of them are created before the first request.
 */
import fc from 'fast-check';
import { createKubeClient } from '../../kube/client.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import { admissionPolicies } from '../../policies/compile/validating-admission-policy.ts';
import { decideAsking } from '../../policies/decide/access.ts';
import { parseReview } from '../../policies/decide/request.ts';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import { isJsonObject } from '../../policies/document/json.ts';
import type { JsonObject } from '../../policies/document/json.ts';
import { subjectOf } from '../../policies/subject/index.ts';
import { sleep, systemClock } from '../../process/clock.ts';
import { accessReviews } from '../../webhook/admission/access-reviews.ts';
import { annotationsOf, differencesOf, documentOf, hasSelector, seenOfOurs } from './compare-policy.ts';
import { liveCases, settledObject, settledPath } from './live-cases.ts';
import type { LiveCase } from './live-cases.ts';
import { startLiveServer } from './live-server.ts';
import type { Answer, Call, LiveServer } from './live-server.ts';
import { arbitraryCase } from './policy-arbitrary.ts';
import type { Json } from './policy-arbitrary.ts';
import { namespaces, params } from './requests.ts';

export type LiveDifference = {
  readonly what: string;
  readonly request: string;
  readonly ours: string;
  readonly theirs: string;
  readonly policy: LiveCase;
};

export type LiveRun = {
  readonly seed: number;
  readonly policies: number;
  readonly requests: number;
  readonly denied: number;
  readonly warned: number;
  readonly annotated: number;
  readonly differences: readonly LiveDifference[];
};

export type LiveRunOptions = { readonly policies: number; readonly seed: number };

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const POLICIES = `${REGISTRATION}/validatingadmissionpolicies`;
const BINDINGS = `${REGISTRATION}/validatingadmissionpolicybindings`;

const created = async (live: LiveServer, path: string, body: Json): Promise<void> => {
  const { status, body: answer } = await live.call({ method: 'POST', path, body });
  if (status >= 300 && status !== 409) throw new Error(`${path}: ${status} ${JSON.stringify(answer).slice(0, 2000)}`);
};

const textAt = (object: JsonObject, field: string): string => {
  const text = object[field];
  return typeof text === 'string' ? text : '';
};

/** So many at a time. */
const inLanes = async <T>(items: readonly T[], work: (item: T) => Promise<void>, lanes = 12): Promise<void> => {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const item of queue) await work(item);
    }),
  );
};

/** ann may write what the requests write; bob may do more, which only policies ask about. */
const grant = async (live: LiveServer): Promise<void> => {
  const role = async (name: string, users: readonly string[], rules: Json): Promise<void> => {
    await created(live, `${RBAC}/clusterroles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name },
      rules,
    });
    await created(live, `${RBAC}/clusterrolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: users.map((user) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user })),
    });
  };
  await role(
    'writers',
    ['ann', 'bob'],
    [{ apiGroups: ['', 'apps'], resources: ['pods', 'deployments', 'secrets'], verbs: ['create', 'update', 'delete'] }],
  );
  await role(
    'approvers',
    ['bob'],
    [
      { apiGroups: ['', 'apps'], resources: ['pods', 'deployments', 'secrets'], verbs: ['approve', 'list'] },
      { nonResourceURLs: ['/healthz', '/a', '/b', '/c'], verbs: ['get'] },
    ],
  );
};

const prepare = async (live: LiveServer, cases: readonly LiveCase[]): Promise<void> => {
  for (const { metadata } of namespaces) await created(live, '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
  for (const object of params)
    if (object['kind'] === 'ConfigMap') {
      const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {};
      await created(live, `/api/v1/namespaces/${textAt(metadata, 'namespace')}/configmaps`, object);
    }
  await grant(live);
  await inLanes(cases, ({ number }) => created(live, settledPath(number).replace(/\/[^/]+$/, ''), settledObject(number)));
};

/** Refuses one object that nothing else is about; created last, so once it speaks all others do. */
const enforce = async (live: LiveServer, cases: readonly LiveCase[]): Promise<void> => {
  const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }];
  const kind = { apiVersion: 'v1', kind: 'ConfigMap' };
  const policyOf = (name: string): Json => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      paramKind: kind,
      matchConstraints: { resourceRules: rules, objectSelector: { matchLabels: { canary: name } } },
      validations: [{ expression: 'false' }],
    },
  });
  const bindingOf = (name: string): Json => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'], paramRef: { name: 'p1', namespace: 'acme', parameterNotFoundAction: 'Allow' } },
  });
  // Kept for good: with the last policy of a built-in paramKind its informer ends, and 1.36 never starts it again.
  await created(live, POLICIES, policyOf('anchor'));
  await created(live, BINDINGS, bindingOf('anchor'));
  await inLanes(cases, async ({ policy, bindings }) => {
    await created(live, POLICIES, policy);
    for (const binding of bindings) await created(live, BINDINGS, binding);
  });
  await created(live, POLICIES, policyOf('canary'));
  await created(live, BINDINGS, bindingOf('canary'));
  const probe: Call = {
    method: 'POST',
    path: '/api/v1/namespaces/acme/configmaps?dryRun=All',
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'canary', labels: { canary: 'canary' } } },
  };
  for (let tries = 0; ; tries += 1) {
    const { body } = await live.call(probe);
    if (isJsonObject(body) && textAt(body, 'message').includes("'canary'")) return;
    if (tries > 300) throw new Error(`the last policy was not in force after a minute: ${JSON.stringify(body)}`);
    await sleep(systemClock, 200);
  }
};

const seenOfTheirs = (
  { status, body, warnings }: Answer,
  annotations: Readonly<Record<string, string>>,
  policy: string,
): Readonly<Record<string, unknown>> => {
  const fields = isJsonObject(body) ? body : {};
  const [, said = ''] = /denied request: ([^]*)$/.exec(textAt(fields, 'message')) ?? [];
  return {
    denied: status < 300 ? undefined : { message: said === '' ? fields['message'] : said, reason: fields['reason'], code: fields['code'] },
    // The same text is told once for each binding; which binding warns is not ours to say.
    warnings: [
      ...new Set(
        warnings
          .filter((warning) => warning.includes('ValidatingAdmissionPolicy'))
          .map((warning) => warning.replace(/^Validation failed for ValidatingAdmissionPolicy '.*?' with binding '.*?': /, '')),
      ),
    ],
    annotations: annotationsOf(annotations, `${policy}/`),
  };
};

type Recorded = { readonly request: AdmissionRequest };

/** By case, in the order of its requests: the webhook is asked once for each, one after the other. */
const recordedReviews = async (live: LiveServer, cases: readonly LiveCase[]): Promise<ReadonlyMap<string, Recorded>> => {
  const found = new Map<string, Recorded>();
  await inLanes(cases, async ({ requests }) => {
    for (const request of requests) {
      const { status, body } = await live.call(request);
      if (status >= 300) throw new Error(`${request.path}: ${status} ${JSON.stringify(body)}`);
    }
  });
  for (const text of live.reviews()) {
    const review = parseReview(text);
    if (!review.ok) throw new Error(`${review.problem.code}: ${review.problem.message}`);
    const { object, oldObject, operation, resource } = review.request;
    const number = /"case":"(\d+)"/.exec(JSON.stringify(object ?? oldObject))?.[1] ?? '';
    found.set(`${number} ${operation} ${resource.resource}`, { request: review.request });
  }
  return found;
};

const VERBS = { POST: 'CREATE', PUT: 'UPDATE', DELETE: 'DELETE', GET: '' } as const;

const keyOf = (number: number, { method, path }: Call): string => {
  const plural = /\/(pods|deployments|secrets)/.exec(path)?.[1] ?? '';
  return `${number} ${VERBS[method]} ${plural}`;
};

const read = async (live: LiveServer, path: string): Promise<JsonObject> => {
  const { body } = await live.call({ method: 'GET', path });
  return isJsonObject(body) ? body : {};
};

export const runLive = async ({ policies, seed }: LiveRunOptions): Promise<LiveRun> => {
  await using live = await startLiveServer();
  // More than are wanted, since those about kinds that this cluster has not are left out.
  const cases = liveCases(fc.sample(arbitraryCase(), { seed, numRuns: policies * 2 })).slice(0, policies);
  await prepare(live, cases);
  const recorded = await recordedReviews(live, cases);
  await enforce(live, cases);
  const answers = new Map<string, Answer>();
  await inLanes(cases, async ({ number, requests }) => {
    for (const request of requests) answers.set(keyOf(number, request), await live.call(request));
  });
  const annotations = await live.annotations();
  const known = new Map<string, JsonObject>();
  for (const { metadata } of namespaces) known.set(metadata.name, await read(live, `/api/v1/namespaces/${metadata.name}`));
  const objects: JsonObject[] = [];
  for (const namespace of known.keys()) {
    const { items } = await read(live, `/api/v1/namespaces/${namespace}/configmaps`);
    // Items of a list do not say what they are.
    for (const item of Array.isArray(items) ? items : [])
      if (isJsonObject(item)) objects.push({ ...item, apiVersion: 'v1', kind: 'ConfigMap' });
  }
  const client = createKubeClient({ kubeconfigPath: live.plane.kubeconfig, clock: systemClock, userAgent: 'writ-conformance' });
  const ask = accessReviews({ client, clock: systemClock, timeoutMs: 60_000 });
  const differences: LiveDifference[] = [];
  let [requests, denied, warned, annotated] = [0, 0, 0, 0];
  await inLanes(cases, async (one) => {
    const inputs = admissionPolicies({ policies: [documentOf(one.policy)], bindings: one.bindings.map(documentOf), objects, kinds: [] });
    const { set, refused } = compilePolicies(inputs.inputs);
    const problems = [...inputs.problems, ...refused.flatMap((refusal) => refusal.problems)];
    if (problems.length > 0)
      differences.push({ what: 'creation', request: '', ours: JSON.stringify(problems), theirs: 'created', policy: one });
    const unordered = one.bindings.length > 1 || hasSelector(one.bindings);
    for (const request of one.requests) {
      const key = keyOf(one.number, request);
      const [answer, record] = [answers.get(key), recorded.get(key)];
      if (answer === undefined || record === undefined) throw new Error(`${key} was not recorded`);
      const facts = {
        request: record.request,
        namespaceObject: known.get(record.request.namespace) ?? null,
        tenant: null,
        governed: true,
      };
      const decision = await decideAsking({ set, subject: subjectOf(record.request), facts }, ask());
      const audit = annotations.get(answer.auditId) ?? {};
      const their = seenOfTheirs(answer, audit, `p-${one.number}`);
      const seen = seenOfOurs(decision, unordered ? their['denied'] : undefined);
      const our = {
        ...seen,
        warnings: [...new Set(seen.warnings)],
        annotations: annotationsOf(decision.auditAnnotations, `p-${one.number}.`),
      };
      requests += 1;
      denied += answer.status < 300 ? 0 : 1;
      warned += answer.warnings.length;
      annotated += Object.keys(audit).filter((name) => name.startsWith(`p-${one.number}/`)).length;
      differences.push(...differencesOf(our, their, unordered).map((difference) => ({ ...difference, request: key, policy: one })));
    }
  });
  await client.close();
  return { seed, policies: cases.length, requests, denied, warned, annotated, differences };
};

export const liveRunText = ({ seed, policies, requests, denied, warned, annotated, differences }: LiveRun): readonly string[] => [
  `policies by the API server, seed ${seed}: ${policies} policies, ${requests} requests (${denied} denied, ${warned} warnings, ${annotated} audit annotations), ${differences.length} differences`,
  ...differences
    .slice(0, 20)
    .map(
      ({ what, request, ours, theirs, policy }) =>
        `${what} of ${request}\n  ours   ${ours}\n  theirs ${theirs}\n  ${JSON.stringify(policy)}`,
    ),
];
