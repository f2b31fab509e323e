// SPDX-License-Identifier: Apache-2.0
// What is wrong with the operator, by what is seen of it: its Lease and its Deployment. Pure but for the memory of what was
// seen first. No clock but our own is trusted: a Lease is stale when it was seen unchanged for too long.
import { isRecord } from '../../crds/wire.ts';
import type { KubeObject } from '../../kube/objects.ts';

export const alarmKinds = [
  'lease-stale',
  'lease-foreign',
  'deployment-deleted',
  'scaled-to-zero',
  'other-trust-digest',
  'other-image',
  'guard-configuration',
  'webhook-configuration',
  'foreign-pod',
] as const;
export type AlarmKind = (typeof alarmKinds)[number];
export type Alarm = { readonly what: AlarmKind; /** For people. */ readonly found: string };

export type DeploymentObject = KubeObject & { readonly spec?: unknown };

export type Seen = {
  readonly lease: KubeObject | undefined;
  readonly deployment: DeploymentObject | undefined;
  readonly monotonicMs: number;
};

/** Far longer than a change of leaders takes. */
export const LEASE_STALE_MS = 60_000;

const own = (value: unknown, key: string): unknown => (isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const replicasOf = (deployment: DeploymentObject): number => {
  const replicas = own(deployment.spec, 'replicas');
  // The API server's own default.
  return typeof replicas === 'number' ? replicas : 1;
};

const containersOf = (deployment: DeploymentObject): readonly unknown[] =>
  listOf(own(own(own(deployment.spec, 'template'), 'spec'), 'containers'));

const imagesOf = (deployment: DeploymentObject): string =>
  containersOf(deployment)
    .map((container) => String(own(container, 'image')))
    .join(', ');

/** Every digest that the Deployment names for `--trust-digest`, in its environment or its arguments. */
const trustDigestsOf = (deployment: DeploymentObject): readonly string[] =>
  containersOf(deployment).flatMap((container) => {
    const fromEnvironment = listOf(own(container, 'env')).flatMap((entry) => {
      const value = own(entry, 'value');
      return own(entry, 'name') === 'TRUST_DIGEST' && typeof value === 'string' ? [value] : [];
    });
    const words = [...listOf(own(container, 'command')), ...listOf(own(container, 'args'))];
    const fromArguments = words.flatMap((word) => {
      const [, digest] = typeof word === 'string' ? (/^--trust-digest=(sha256:.*)$/.exec(word) ?? []) : [];
      return digest === undefined ? [] : [digest];
    });
    return [...fromEnvironment, ...fromArguments];
  });

export type OperatorEye = {
  look(seen: Seen): readonly Alarm[];
  /** As many replicas as it last had, or 1. */
  readonly wantedReplicas: number;
};

export const createOperatorEye = (pinnedTrustDigest: string): OperatorEye => {
  let leaseMark: { readonly mark: string; readonly sinceMs: number } | undefined;
  let images: string | undefined;
  let wantedReplicas = 1;

  /** Undefined before the first one was seen: where no operator ever ran, none is missed. */
  const leaseAgeMs = ({ lease, monotonicMs }: Seen): number | undefined => {
    if (lease === undefined && leaseMark === undefined) return undefined;
    const mark = lease === undefined ? 'gone' : `${lease.metadata.uid} ${lease.metadata.resourceVersion}`;
    // That it goes is no sign of life.
    if (leaseMark === undefined || (leaseMark.mark !== mark && lease !== undefined)) leaseMark = { mark, sinceMs: monotonicMs };
    return monotonicMs - leaseMark.sinceMs;
  };

  const deploymentAlarms = (deployment: DeploymentObject): readonly Alarm[] => {
    const alarms: Alarm[] = [];
    const { name } = deployment.metadata;
    const replicas = replicasOf(deployment);
    if (replicas > 0) wantedReplicas = replicas;
    else alarms.push({ what: 'scaled-to-zero', found: `Deployment ${name} was scaled to zero` });
    const other = trustDigestsOf(deployment).find((digest) => digest !== pinnedTrustDigest);
    if (other !== undefined) {
      alarms.push({
        what: 'other-trust-digest',
        found: `Deployment ${name} pins the trust policy ${other}, this replica ${pinnedTrustDigest}`,
      });
    }
    const now = imagesOf(deployment);
    images ??= now;
    if (now !== images)
      alarms.push({ what: 'other-image', found: `Deployment ${name} runs ${now}, and ran ${images} when this replica started` });
    return alarms;
  };

  return {
    look: (seen) => {
      const ageMs = leaseAgeMs(seen);
      const stale: readonly Alarm[] =
        ageMs !== undefined && ageMs >= LEASE_STALE_MS
          ? [{ what: 'lease-stale', found: `the operator's Lease was not renewed for ${Math.floor(LEASE_STALE_MS / 1000)} s or more` }]
          : [];
      const { deployment } = seen;
      if (deployment !== undefined) return [...stale, ...deploymentAlarms(deployment)];
      // Where the operator runs in no Deployment, none is missed.
      return images === undefined ? stale : [...stale, { what: 'deployment-deleted', found: 'the Deployment of the operator was deleted' }];
    },
    get wantedReplicas() {
      return wantedReplicas;
    },
  };
};
