// SPDX-License-Identifier: Apache-2.0
/**
 * What the API server asks the guard about: the ValidatingWebhookConfiguration `writ-guard`, owned and repaired.
 *
 * In: where the webhook process serves /guard, the authorities of its certificate. Out: one configuration object, always the
 * same. It names Writ's own kinds and two sorts of ConfigMap in the system namespace, nothing else; its selectors go by
 * labels that no tenant can write. Status and other subresources are not asked about: they are no input to anything.
 */
import { GUARD_PATH, guardWebhooks } from '../../crds/asked.ts';
import { GUARD_CONFIGURATION_NAME, validatingWebhookConfigurations } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { clientConfigOf, ownConfiguration, ownedMetadata, rememberAuthorities } from './owned-configuration.ts';
import type { WebhookConfigurationObject, WebhookTarget } from './owned-configuration.ts';

export type GuardConfigurationInput = {
  readonly target: WebhookTarget;
  /** PEM. */
  readonly authorities: string;
  readonly systemNamespace: string;
};

export const guardConfiguration = (input: GuardConfigurationInput): WebhookConfigurationObject => {
  const clientConfig = clientConfigOf(input.target, GUARD_PATH, input.authorities);
  return {
    metadata: ownedMetadata(GUARD_CONFIGURATION_NAME),
    webhooks: guardWebhooks(input.systemNamespace).map((asked) => ({ ...asked, clientConfig })),
  };
};

export type GuardKeeper = {
  trustAuthorities(bundle: string): void;
  /** Brings the configuration to what it must be; `true` when it wrote. */
  reconcile(signal: AbortSignal): Promise<boolean>;
};

export const createGuardKeeper = (options: {
  readonly client: KubeClient;
  readonly target: WebhookTarget;
  readonly systemNamespace: string;
  readonly onTampered: (what: string) => void;
  /** Asked to call `reconcile` soon. */
  readonly onChange: () => void;
}): GuardKeeper => {
  const { client, target, systemNamespace } = options;
  const owned = ownConfiguration(client, options.onTampered);
  const authorities = rememberAuthorities(options.onChange);
  return {
    trustAuthorities: authorities.trust,
    reconcile: async (signal) => {
      // Without an authority no call could succeed, and nothing could ever be written.
      if (authorities.pem() === '') return false;
      const ref = { name: GUARD_CONFIGURATION_NAME };
      const live = await client.get<WebhookConfigurationObject>(validatingWebhookConfigurations, ref, { signal });
      return owned.bring(live, guardConfiguration({ target, authorities: authorities.pem(), systemNamespace }), signal);
    },
  };
};
