// SPDX-License-Identifier: Apache-2.0
// Whether the API server is still told to ask Writ what it has to: by the words that the operator writes, and by what this
// replica enforces. Where Writ answers is not known here, so of that only who is believed is looked at, and what of its answers is
// asked for: another path of this very process says yes to what is none of its business. Pure and total.
import { DECISION_PATH, DECISION_WEBHOOK, GUARD_PATH, decisionFields, guardWebhooks, tenantNamespaces } from '../../crds/asked.ts';
import { GUARD_CONFIGURATION_NAME, WEBHOOK_CONFIGURATION_NAME } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import { areAsked } from '../../policies/compile/admission-rules.ts';
import type { CompiledPolicy } from '../../policies/compile/policy-set.ts';
import { standingRules } from '../../policies/compile/standing-rules.ts';
import { firstDifference } from '../../policies/document/difference.ts';

export type Believed = {
  readonly systemNamespace: string;
  /** PEM: who signs the certificate of this replica; undefined where it comes from files and nobody says. */
  readonly authorities: string | undefined;
};

const webhooksOf = (live: unknown): readonly unknown[] => {
  const webhooks = isRecord(live) ? live['webhooks'] : undefined;
  return Array.isArray(webhooks) ? webhooks : [];
};

const withoutTarget = (webhook: unknown): unknown => {
  if (!isRecord(webhook)) return webhook;
  const { clientConfig: _, ...rest } = webhook;
  return rest;
};

const differs = (wanted: unknown, live: unknown): string | undefined =>
  firstDifference(wanted, live, 'webhooks') ?? firstDifference(live, wanted, 'webhooks');

/** A URL may lead there by more, such as the path of a proxy. */
const leadsTo = (path: string, { service, url }: Readonly<Record<string, unknown>>): boolean =>
  isRecord(service) ? service['path'] === path : typeof url === 'string' && URL.canParse(url) && new URL(url).pathname.endsWith(path);

type Target = { readonly path: string; readonly believed: Believed };

const elsewhere = (webhooks: readonly unknown[], { path, believed }: Target): string | undefined => {
  const { systemNamespace, authorities } = believed;
  const bundle = authorities === undefined ? undefined : Buffer.from(authorities).toString('base64');
  const other = webhooks.findIndex((webhook) => {
    const target = isRecord(webhook) ? webhook['clientConfig'] : undefined;
    if (!isRecord(target)) return true;
    const service = target['service'];
    const isAway = service !== undefined && (!isRecord(service) || service['namespace'] !== systemNamespace);
    return isAway || !leadsTo(path, target) || (bundle !== undefined && target['caBundle'] !== bundle);
  });
  return other === -1 ? undefined : `webhooks[${other}].clientConfig`;
};

const changed = (name: string, path: string): string => `${path} of the webhook configuration ${name} is not as it has to be`;

/** What is wrong with the configuration by which the guard is asked, for people. */
export const guardProblem = (live: unknown, believed: Believed): string | undefined => {
  if (live === undefined) return `the webhook configuration ${GUARD_CONFIGURATION_NAME} is missing`;
  const webhooks = webhooksOf(live);
  const path =
    differs(guardWebhooks(believed.systemNamespace), webhooks.map(withoutTarget)) ?? elsewhere(webhooks, { path: GUARD_PATH, believed });
  return path === undefined ? undefined : changed(GUARD_CONFIGURATION_NAME, path);
};

/** Of all but their names, rules and namespaces, which single tenants may have besides. */
const commonOf = (webhook: unknown): unknown => {
  const rest = withoutTarget(webhook);
  if (!isRecord(rest)) return rest;
  const { name: _name, rules: _rules, namespaceSelector: _selector, ...common } = rest;
  return common;
};

/** The same of the one by which decisions are asked for; `policies`: what this replica enforces. */
export const decisionsProblem = (live: unknown, policies: readonly CompiledPolicy[], believed: Believed): string | undefined => {
  const name = WEBHOOK_CONFIGURATION_NAME;
  if (live === undefined) return `the webhook configuration ${name} is missing`;
  const webhooks = webhooksOf(live);
  const main = webhooks.find((webhook) => isRecord(webhook) && webhook['name'] === DECISION_WEBHOOK);
  if (!isRecord(main)) return `the webhook ${DECISION_WEBHOOK} of the webhook configuration ${name} is missing`;
  const path =
    differs(
      webhooks.map(() => decisionFields),
      webhooks.map(commonOf),
    ) ??
    firstDifference(tenantNamespaces(believed.systemNamespace), main['namespaceSelector'], 'namespaceSelector') ??
    firstDifference(main['namespaceSelector'], tenantNamespaces(believed.systemNamespace), 'namespaceSelector') ??
    elsewhere(webhooks, { path: DECISION_PATH, believed });
  if (path !== undefined) return changed(name, path);
  const shared = policies.filter(({ confinedTo }) => confinedTo === undefined);
  return areAsked(shared, standingRules(live, DECISION_WEBHOOK)) ? undefined : changed(name, 'rules');
};
