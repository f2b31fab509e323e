// SPDX-License-Identifier: Apache-2.0
// Reports use to an operator as an agent does: over TLS, with a token of its service account.
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { SYSTEM_NAMESPACE, WEBHOOK_TLS_SECRET, secrets } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { until } from './until.ts';

export type IntakeAnswer = {
  readonly status: number;
  readonly body: {
    readonly stored?: number;
    readonly duplicates?: number;
    readonly code?: string;
    readonly events?: readonly { readonly code: string; readonly message: string }[];
  };
};

/** The authorities by which the operator serves, as soon as it has made them. */
export const intakeAuthorities = async (client: KubeClient): Promise<string> => {
  const encoded = await until(
    async () =>
      (
        await client.get<KubeObject & { readonly data?: Readonly<Record<string, string>> }>(secrets, {
          namespace: SYSTEM_NAMESPACE,
          name: WEBHOOK_TLS_SECRET,
        })
      )?.data?.['ca.crt'],
    { what: 'the certificate of the operator' },
  );
  return Buffer.from(encoded, 'base64').toString('utf8');
};

/** One of the events of a source that starts anew with `seq` 1 for each tenant. */
export const usageEvent = (told: {
  readonly tenant: string;
  readonly source?: string;
  readonly seq: number;
  readonly meter: string;
  readonly value: string;
}) => ({
  specversion: '1.0',
  type: 'dev.writ.usage.v1',
  source: told.source ?? '/gateway/boots/1',
  id: String(told.seq),
  subject: told.tenant,
  time: new Date(Date.now() - 1000).toISOString(),
  seq: told.seq,
  data: { meter: told.meter, value: told.value },
});

export const sendEvents = (batch: {
  readonly port: number;
  readonly ca: string;
  readonly token: string;
  readonly events: readonly unknown[];
}): Promise<IntakeAnswer> =>
  new Promise((resolve, reject) => {
    const call = request(`https://127.0.0.1:${batch.port}/v1/events`, {
      method: 'POST',
      ca: batch.ca,
      headers: { 'content-type': 'application/cloudevents-batch+json', authorization: `Bearer ${batch.token}` },
    });
    call.on('error', reject);
    call.on('response', (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body: JSON.parse(body) }), reject);
    });
    call.end(JSON.stringify(batch.events));
  });
