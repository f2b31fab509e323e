// SPDX-License-Identifier: Apache-2.0
// What makes the API server ask the webhook, and the certificate that it believes it by: the controllers that keep each webhook
// configuration as it has to be. `term.ts` alone imports it.
import { GUARD_CONFIGURATION_NAME, WEBHOOK_CONFIGURATION_NAME, apiVersionOf, validatingWebhookConfigurations } from '../crds/kinds.ts';
import type { Controller } from '../kube/controller.ts';
import type { KubeClient } from '../kube/client.ts';
import { after } from '../kube/outcome.ts';
import type { Outcome } from '../kube/outcome.ts';
import { REFUSAL_LASTS_MS } from '../policies/trust/term.ts';
import type { Clock } from '../process/clock.ts';
import type { OperatorConfig } from './config.ts';
import { reconcileCertificate } from './controllers/certificate.ts';
import { createGuardKeeper } from './controllers/guard-configuration.ts';
import type { PolicyBook } from './controllers/policy-book.ts';
import { describeTampering } from './controllers/tamper.ts';
import type { RepairedThing, Tampering } from './controllers/tamper.ts';
import { createTenancyKeeper } from './controllers/tenancy-configuration.ts';
import { createAdmissionScope } from './controllers/webhook-configuration.ts';
import type { AdmissionScope } from './controllers/webhook-configuration.ts';

export type ConfigurationsDeps = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly config: OperatorConfig;
  readonly book: Pick<PolicyBook, 'compiled' | 'prepare'>;
  readonly controller: (name: string, reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>) => Controller;
  readonly tellTampering: (tampering: Tampering) => void;
  /** As they count. */
  readonly tenants: Parameters<typeof createTenancyKeeper>[0]['tenants'];
  readonly holdsAny: Parameters<typeof createTenancyKeeper>[0]['holdsAny'];
  /** Whether the API server may be asked about less than before. */
  readonly mayNarrow: () => boolean;
};

export type Configurations = {
  readonly scope: AdmissionScope;
  readonly certificate: Controller;
  readonly guardConfiguration: Controller;
  readonly tenancyConfiguration: Controller;
  readonly webhookConfiguration: Controller;
};

const SINGLE_KEY = 'writ';

export const createConfigurations = (deps: ConfigurationsDeps): Configurations => {
  const { client, clock, config, book, controller, mayNarrow } = deps;
  const systemNamespace = config['system-namespace'];
  const configurationTampered =
    (thing: RepairedThing, name: string, resource = validatingWebhookConfigurations): ((what: string) => void) =>
    (what) =>
      deps.tellTampering({
        what: thing,
        regarding: { apiVersion: apiVersionOf(resource), kind: resource.kind, name },
        found: describeTampering(`the webhook configuration ${name}`, what),
      });
  const guard = createGuardKeeper({
    client,
    target: config.guardTarget,
    systemNamespace,
    onTampered: configurationTampered('guard-configuration', GUARD_CONFIGURATION_NAME),
    onChange: () => guardConfiguration.enqueue(SINGLE_KEY),
  });
  const guardConfiguration = controller('guard-configuration', async (_key, stop) => {
    await guard.reconcile(stop);
    return after(REFUSAL_LASTS_MS);
  });
  const tenancyKeeper = createTenancyKeeper({
    client,
    target: config.target,
    systemNamespace,
    tenants: deps.tenants,
    holdsAny: deps.holdsAny,
    onTampered: ({ resource, name, what }) => configurationTampered('tenancy-configuration', name, resource)(what),
    onChange: () => tenancyConfiguration.enqueue(SINGLE_KEY),
  });
  const tenancyConfiguration = controller('tenancy-configuration', async (_key, stop) => {
    await tenancyKeeper.reconcile(stop);
    return after(REFUSAL_LASTS_MS);
  });
  const scope = createAdmissionScope({
    client,
    target: config.target,
    systemNamespace,
    verified: () => book.compiled(),
    mayNarrow,
    onTampered: configurationTampered('webhook-configuration', WEBHOOK_CONFIGURATION_NAME),
    onChange: () => webhookConfiguration.enqueue(SINGLE_KEY),
  });
  const webhookConfiguration = controller('webhook-configuration', async (_key, stop) => {
    await book.prepare();
    await scope.reconcile(stop);
    // A refusal may pass with time, and rules that only the refused needed may go then.
    return after(REFUSAL_LASTS_MS);
  });
  const certificate = controller('certificate', (_key, stop) =>
    reconcileCertificate(
      {
        client,
        namespace: systemNamespace,
        names: config.certificateNames,
        lifetimeMs: config['certificate-lifetime'],
        clock,
        onAuthorities: (bundle) => {
          scope.trustAuthorities(bundle);
          guard.trustAuthorities(bundle);
          tenancyKeeper.trustAuthorities(bundle);
        },
      },
      stop,
    ),
  );
  return { scope, certificate, guardConfiguration, tenancyConfiguration, webhookConfiguration };
};
