// SPDX-License-Identifier: Apache-2.0
/**
 * One term of leadership: every controller that writes, built anew with the client that is fenced for this term, and gone
 * with it. What they share and outlives a term (caches, Git mirrors, receivers) is handed in by `wiring.ts`.
 */
import { decodeInventory, isInventoryName } from '../crds/inventory.ts';
import { configMaps, isSealedKind, leases, namespaces } from '../crds/kinds.ts';
import type { SealedKind } from '../crds/kinds.ts';
import { decodeMarks } from '../crds/marks.ts';
import { createController } from '../kube/controller.ts';
import type { Controller, ControllerObserver } from '../kube/controller.ts';
import type { KubeClient } from '../kube/client.ts';
import { createEventRecorder, regardingOf } from '../kube/events.ts';
import { keyOf } from '../kube/objects.ts';
import { after } from '../kube/outcome.ts';
import type { Outcome } from '../kube/outcome.ts';
import { UNKNOWN_TIER } from '../policies/currency/removal.ts';
import { unsealedOf } from '../policies/tenant-standing.ts';
import type { Clock } from '../process/clock.ts';
import type { AuditRecord } from './audit/start.ts';
import { followConfiguration, recordSync, recordTampering, recordTold, tellDeleted } from './audit/subscriptions.ts';
import { changedDocuments, isStatusOnly } from './changes.ts';
import { liveInventories, liveObject, liveOwned, liveSealed, liveSealedObject, sealedKindOf } from './caches.ts';
import type { Caches } from './caches.ts';
import type { OperatorConfig } from './config.ts';
import { createEntitlementControllers } from './entitlement-controllers.ts';
import { createConfigurations } from './configurations.ts';
import { createGitSourceReconciler } from './controllers/git-source.ts';
import type { GitSourceDeps } from './controllers/git-source.ts';
import { createMarkLedger } from './controllers/mark-ledger.ts';
import { reconcileMarks } from './controllers/marks.ts';
import type { MarksDeps } from './controllers/marks.ts';
import { createPolicyBook } from './controllers/policy-book.ts';
import { reconcilePolicy } from './controllers/policy.ts';
import { createReplicaWatch, replicaFingerprint } from './controllers/replicas.ts';
import { reconcileRuleset } from './controllers/ruleset.ts';
import { deleteUnwritable } from './controllers/unwritable.ts';
import { createTamperTeller, marksTampering } from './controllers/tamper.ts';
import type { Tampering } from './controllers/tamper.ts';
import { reconcileTrustPolicy } from './controllers/trust-policy.ts';
import type { TrustHolder } from './controllers/trust-policy.ts';
import { changesNeeds } from './controllers/tenancy-configuration.ts';
import { createRecall } from './recall.ts';
import { createTenancy } from './tenancy/controllers.ts';
import type { TermBilling } from './billing-wiring.ts';
import type { Usage } from './usage-wiring.ts';

export type TermDeps = Pick<GitSourceDeps, 'sources' | 'receiver' | 'random' | 'observe' | 'proving'> & {
  readonly config: OperatorConfig;
  readonly caches: Caches;
  readonly trust: TrustHolder;
  readonly clock: Clock;
  readonly observer: ControllerObserver;
  readonly observeMarks: MarksDeps['observe'];
  readonly onTampering: (tampering: Tampering) => void;
  /** Undefined where no audit log is kept. */
  readonly audit: AuditRecord | undefined;
  /** Undefined where no ledger is kept. */
  readonly usage: Pick<Usage, 'run'> | undefined;
  /** Undefined where use is reported to nobody. */
  readonly billing: TermBilling;
};

const SINGLE_KEY = 'writ';
/** A replica that died is noticed when its Lease runs out; this is how often that is looked at. */
const REPLICA_LOOK_MS = 5_000;

export const runTerm = async (deps: TermDeps, client: KubeClient, signal: AbortSignal): Promise<void> => {
  const { config, caches, clock, observer, trust, proving, audit } = deps;
  const systemNamespace = config['system-namespace'];
  const events = createEventRecorder({ client, clock, reportingController: 'writ.dev/operator', reportingInstance: config.holder });
  const recorder = recordTold(events, audit);
  const sealed = { list: () => liveSealed(caches) };
  const book = createPolicyBook({ sealed, rulesets: caches.rulesets, trust, clock, proving });
  const replicaObjects = () => ({ reports: caches.replicas.list(), leases: caches.leases.list() });
  const replicaLife = createReplicaWatch(clock);
  const replicas = () => replicaLife.live(replicaObjects());
  const inventories = () => liveInventories(caches);
  const ledger = createMarkLedger({ sealed, tenants: caches.tenants.live, book, inventories, trust, clock, evidence: proving.memory });
  const markDeps = { ledger, namespace: systemNamespace, recorder };
  const onRecord = audit === undefined ? undefined : createRecall({ ...markDeps, audit, trust });
  ledger.hear(caches.marks.list().flatMap((object) => decodeMarks(object) ?? []));
  const versionOf = ({ kind, name }: { readonly kind: string; readonly name: string }): number | undefined => {
    const object = isSealedKind(kind) ? liveSealedObject(caches, kind, name) : undefined;
    const judged = object === undefined ? undefined : book.judge(object);
    return judged?.ok === true ? judged.document.version : judged?.signed?.version;
  };
  const tierOf = ({ kind, name }: { readonly kind: string; readonly name: string }): string | undefined => {
    const object = kind === 'Ruleset' ? caches.rulesets.get(name) : undefined;
    const judged = object === undefined ? undefined : book.judge(object);
    if (judged?.ok === true) return judged.document.ruleset?.spec.publisher?.tier;
    return kind === 'Ruleset' ? UNKNOWN_TIER : undefined;
  };
  const controller = (name: string, reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>, concurrency = 1): Controller =>
    createController({ name, concurrency, clock, observe: observer, reconcile: (key, scope) => reconcile(key, scope.signal) });

  const tellTampering = createTamperTeller({ recorder: events, observe: recordTampering(deps.onTampering, audit) });
  const { scope, certificate, guardConfiguration, tenancyConfiguration, webhookConfiguration } = createConfigurations({
    client,
    clock,
    config,
    book,
    controller,
    tellTampering,
    tenants: () => caches.tenants.list().map(entitlements.effective),
    holdsAny: () => caches.tenants.holdsAny(),
    mayNarrow: () => {
      const read = inventories();
      // One that cannot be read says nothing of what its replicas keep.
      return (
        read.length === caches.inventories.list().filter(({ metadata }) => isInventoryName(metadata.name)).length &&
        book.coversAll({ replicas: replicas(), inventories: read, marks: ledger.known() })
      );
    },
  });
  const rootMaxAgeMs = config['trust-root-max-age'];
  const trustPolicy = controller('trust-policy', (_key, stop) =>
    reconcileTrustPolicy({ client, informer: caches.trustPolicies, trust, recorder, clock, rootMaxAgeMs }, stop),
  );
  const policy = controller(
    'policy',
    (name) => reconcilePolicy({ client, informer: caches.policies, book, replicas, inventories, recorder, clock }, name),
    4,
  );
  const ruleset = controller('ruleset', (name) =>
    reconcileRuleset(
      {
        client,
        informer: caches.rulesets,
        book,
        replicas,
        inventories,
        tenants: () => caches.tenants.list(),
        recorder,
        clock,
      },
      name,
    ),
  );
  const entitlements = createEntitlementControllers({
    client,
    caches,
    book,
    ledger,
    replicas,
    inventories,
    recorder,
    clock,
    controller,
    onTurn: () => {
      tenancyConfiguration.enqueue(SINGLE_KEY);
      tenancy.entitlementsChanged();
    },
    onDocument: ({ object, isDeleted }) => {
      marks.enqueue(SINGLE_KEY);
      if (isDeleted) applyAgain({ kind: object.kind, name: object.metadata.name });
    },
  });
  const documents: Readonly<Record<SealedKind, Controller>> = { Policy: policy, Ruleset: ruleset, ...entitlements.byKind };
  const tenancy = createTenancy({
    client,
    caches,
    counted: (live) => caches.tenants.counted(live),
    held: (name) => caches.tenants.held(name),
    releases: () => book.releases(),
    entitlements: () => entitlements.holder.current(),
    recorder,
    clock,
    observer,
    systemNamespace,
    networkEnforces: config['network-plugin-enforces'],
    concurrency: config['tenant-concurrency'],
    signal,
    onLabelTaken: (namespace, found) => tellTampering({ what: 'tenant-label', regarding: regardingOf(namespaces, namespace), found }),
  });
  const marks = controller('marks', (_key, stop) =>
    reconcileMarks(
      {
        ...markDeps,
        client,
        standing: versionOf,
        home: () => caches.namespaces.get(systemNamespace),
        observe: deps.observeMarks,
        onRecord: onRecord?.record,
      },
      stop,
    ),
  );
  /** Before anything else is compared: nothing that was lowered may go on record. False while the ledger is closed. */
  const recall = async (): Promise<boolean> => {
    if ((await onRecord?.recall()) !== true) return onRecord === undefined;
    for (const one of [marks, trustPolicy]) one.enqueue(SINGLE_KEY);
    return true;
  };
  const gitSource = controller('git-source', reconcileSource(), config['sync-concurrency']);
  let fingerprint = '';
  const replicaWatch = controller('replicas', async () => {
    const seen = replicaFingerprint(replicas());
    if (seen !== fingerprint) {
      allDocuments();
      // Replicas that have followed need no more what only the commit before matched.
      webhookConfiguration.enqueue(SINGLE_KEY);
    }
    fingerprint = seen;
    for (const name of replicaLife.abandoned(replicaObjects())) await removeReplica(name);
    return after(REPLICA_LOOK_MS);
  });

  function reconcileSource(): (key: string, stop: AbortSignal) => Promise<Outcome> {
    const reconcile = createGitSourceReconciler({
      ...deps,
      observe: recordSync(deps.observe, audit),
      client,
      gitSources: caches.gitSources,
      pinnedDigest: config['trust-digest'],
      systemNamespace,
      recorder,
      claims: new Map(),
      liveObject: (kind, name) => liveObject(caches, kind, name),
      liveOwned: (source) => liveOwned(caches, source),
      inventories: () => liveInventories(caches),
      clear: async (configMap, stop) => {
        await deleteUnwritable(client, configMap, stop);
        const found = `ConfigMap ${configMap.metadata.name} was made immutable`;
        tellTampering({ what: 'inventory', regarding: regardingOf(configMaps, configMap), found });
      },
      tierOf,
      marks: ledger,
      releases: () => book.releases(),
      appliedRevision: (source) => liveInventories(caches).find((inventory) => inventory.source === source)?.revision,
      widen: (source, policies, stop) => scope.widen(source, policies, stop),
      settle: (source) => {
        scope.settle(source);
        marks.enqueue(SINGLE_KEY);
      },
    });
    return (key, stop) => reconcile(key, { signal: stop });
  }
  /** The sources whose commit orders that document: replicas that start now cannot make it whole. */
  function applyAgain(wanted: { readonly kind: string; readonly name: string }): void {
    for (const { source, documents: named } of inventories()) {
      if (named.some(({ kind, name }) => kind === wanted.kind && name === wanted.name)) gitSource.enqueue(source);
    }
  }
  /** The Lease first: a replica that comes back at this moment has renewed it, and then nothing is taken away. */
  async function removeReplica(name: string): Promise<void> {
    const ref = { namespace: systemNamespace, name };
    const resourceVersion = caches.leases.get(keyOf({ metadata: ref }))?.metadata.resourceVersion;
    if (resourceVersion !== undefined) await client.delete(leases, ref, { preconditions: { resourceVersion } });
    await client.delete(configMaps, ref);
  }
  function allDocuments(): void {
    for (const object of liveSealed(caches)) documents[sealedKindOf(object)].enqueue(keyOf(object));
    entitlements.all.enqueue(SINGLE_KEY);
  }
  /** What one is, others may require. */
  function allRulesets(): void {
    for (const object of caches.rulesets.list()) ruleset.enqueue(keyOf(object));
  }

  const subscriptions = [
    ...entitlements.subscriptions,
    caches.gitSources.onChange(({ object, type, ...change }) => {
      // Our own status writes are no reason to ask the remote again.
      if (type === 'updated' && 'previous' in change && isStatusOnly(change.previous, object)) return;
      gitSource.enqueue(keyOf(object), { priority: 1 });
    }),
    caches.trustPolicies.onChange(({ object: changed, type, ...change }) => {
      trustPolicy.enqueue(SINGLE_KEY);
      if (type === 'updated' && 'previous' in change && isStatusOnly(change.previous, changed)) return;
      webhookConfiguration.enqueue(SINGLE_KEY);
      marks.enqueue(SINGLE_KEY);
      allDocuments();
      for (const object of caches.gitSources.list()) gitSource.enqueue(keyOf(object));
    }),
    caches.policies.onChange(({ object, type, ...change }) => {
      policy.enqueue(keyOf(object));
      if (type === 'updated' && 'previous' in change && isStatusOnly(change.previous, object)) return;
      webhookConfiguration.enqueue(SINGLE_KEY);
      marks.enqueue(SINGLE_KEY);
      // Not to be put off until the remote is looked at again.
      if (type === 'deleted') applyAgain({ kind: 'Policy', name: object.metadata.name });
    }),
    caches.rulesets.onChange(({ object, type, ...change }) => {
      ruleset.enqueue(keyOf(object));
      if (type === 'updated' && 'previous' in change && isStatusOnly(change.previous, object)) return;
      webhookConfiguration.enqueue(SINGLE_KEY);
      marks.enqueue(SINGLE_KEY);
      allRulesets();
      tenancy.rulesetsChanged();
      if (type === 'deleted') applyAgain({ kind: 'Ruleset', name: object.metadata.name });
    }),
    caches.tenants.onChange(({ object, type, ...change }) => {
      const previous = type === 'updated' && 'previous' in change ? change.previous : undefined;
      if (previous !== undefined && isStatusOnly(previous, object)) return;
      const [before, now] = [previous, type === 'deleted' ? undefined : object].map((one) => one && entitlements.effective(one));
      marks.enqueue(SINGLE_KEY);
      // What counts is not what is there: the commit that orders it brings it back.
      if (type === 'deleted' || unsealedOf(object) !== undefined) applyAgain({ kind: 'Tenant', name: object.metadata.name });
      if (changesNeeds(before, now)) tenancyConfiguration.enqueue(SINGLE_KEY);
      for (const { name } of [...(previous?.spec.rulesets ?? []), ...(object.spec.rulesets ?? [])]) ruleset.enqueue(name);
    }),
    ...tenancy.subscribe(),
    caches.inventories.onChange(({ object, ...change }) => {
      const changed = changedDocuments('previous' in change ? change.previous : undefined, object);
      for (const { kind, name } of changed) documents[kind].enqueue(name);
      if (changed.length > 0) webhookConfiguration.enqueue(SINGLE_KEY);
      marks.enqueue(SINGLE_KEY);
      const { source } = decodeInventory(object) ?? {};
      if (change.type === 'deleted' && source !== undefined) gitSource.enqueue(source);
    }),
    caches.marks.onChange((change) => {
      marks.enqueue(SINGLE_KEY);
      entitlements.all.enqueue(SINGLE_KEY);
      const found = marksTampering(change);
      if (found !== undefined) tellTampering({ what: 'marks', regarding: regardingOf(configMaps, change.object), found });
    }),
    caches.namespaces.onChange(({ object }) => (object.metadata.name === systemNamespace ? marks.enqueue(SINGLE_KEY) : undefined)),
    caches.replicas.onChange(() => replicaWatch.enqueue(SINGLE_KEY)),
    // A renewal every few seconds says nothing new.
    caches.leases.onChange(({ type }) => (type === 'updated' ? undefined : replicaWatch.enqueue(SINGLE_KEY))),
    caches.webhook.onChange(() => webhookConfiguration.enqueue(SINGLE_KEY)),
    caches.guard.onChange(() => guardConfiguration.enqueue(SINGLE_KEY)),
    ...[caches.tenancy, caches.completion].map((cache) => cache.onChange(() => tenancyConfiguration.enqueue(SINGLE_KEY))),
    ...followConfiguration(audit, caches),
  ];
  const singles = [certificate, guardConfiguration, tenancyConfiguration, webhookConfiguration, replicaWatch, marks, entitlements.all];
  for (const single of singles) single.enqueue(SINGLE_KEY);
  try {
    const controllers = [...singles, trustPolicy, ...tenancy.controllers, ...Object.values(documents), gitSource];
    await Promise.all([
      ...controllers.map((each) => each.run(signal)),
      deps.usage?.run({ client, effective: entitlements.effective }, signal),
      audit?.run(client, signal, async () => (await recall()) && tellDeleted(audit, caches)),
      deps.billing.run(client, (object) => book.judge(object), signal),
    ]);
  } finally {
    for (const unsubscribe of subscriptions) unsubscribe();
  }
};
