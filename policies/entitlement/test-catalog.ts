// SPDX-License-Identifier: Apache-2.0
// A small catalog, for tests.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { parseDocument } from '../document/index.ts';
import { validateDocument } from '../document/validate.ts';
import { readCatalog } from './catalog.ts';
import type { CatalogOutcome } from './catalog.ts';
import type { TierTable } from './tier.ts';

export const CATALOG = `apiVersion: writ.dev/v1alpha1
kind: TierCatalog
metadata: {name: cluster}
spec:
  version: 3
  tiers:
  - name: Free
    limits: {namespaces: 1, agents: 3, rulesets: 1, podSecurity: restricted, resources: {cpu: "2", pods: 10}}
    usage: {limits: [{name: executions, meter: policy_executions, window: Month, limit: "1000"}]}
    slo: {class: Standard, objectives: [{name: availability, target: "99.0"}]}
    marketplace: {publisherTiers: [Community]}
    defaults: {network: {defaultDeny: [Ingress, Egress], dns: ClusterDNS}, podSecurity: {enforce: restricted, warn: restricted}}
  - name: Professional
    features: [external-egress, role-bindings, reports]
    limits: {namespaces: 5, agents: 50, rulesets: 8, podSecurity: baseline, resources: {cpu: "16", pods: 200}}
    usage: {limits: [{name: executions, meter: policy_executions, window: Month, limit: "100000"}]}
    slo: {class: Silver, objectives: [{name: availability, target: "99.5"}]}
    marketplace: {publisherTiers: [Community, Silver]}
  - name: Enterprise
    license: Required
    features: [external-egress, role-bindings, reports, namespace-adoption, unbounded-network-policies, unsigned-agents, custom-objectives]
    limits: {namespaces: 20, agents: 1000, resources: {cpu: "64", pods: 2k}}
    slo: {class: Gold, objectives: [{name: availability, target: "99.9"}]}
`;

export const readCatalogText = (text: string): CatalogOutcome => {
  const parsed = parseDocument(Buffer.from(text), 'tiers.yaml');
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const valid = validateDocument(parsed.document);
  assert.ok(valid.ok && valid.kind === 'TierCatalog', JSON.stringify(valid));
  return readCatalog(valid.object, parsed.document);
};

export const tableOf = (text: string = CATALOG): TierTable => {
  const outcome = readCatalogText(text);
  assert.ok(outcome.ok && outcome.table !== undefined, JSON.stringify(outcome));
  return outcome.table;
};
