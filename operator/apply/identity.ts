// SPDX-License-Identifier: Apache-2.0
// One spelling of "which object": the key under which desired, recorded and live objects meet.

export type ObjectIdentity = {
  readonly group: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
};

export const objectKey = (identity: ObjectIdentity): string =>
  `${identity.group}/${identity.kind}/${identity.namespace ?? ''}/${identity.name}`;

/** How people are told of it: `Policy/agent-images-pinned`, `ConfigMap/acme-prod/settings`. */
export const objectTitle = (identity: ObjectIdentity): string =>
  identity.namespace === undefined ? `${identity.kind}/${identity.name}` : `${identity.kind}/${identity.namespace}/${identity.name}`;
