// SPDX-License-Identifier: Apache-2.0
// Throw-away serving certificates for 127.0.0.1 and localhost, as the webhook takes them.
import { createAuthority, issueLeaf } from '../../cluster/certificates.ts';
import type { CertificatePair } from '../../../webhook/server/certificate.ts';

export type ServingPair = CertificatePair & { readonly caPem: string };

const authority = createAuthority('writ-webhook-test-ca');

/** Each has a key of its own; all are under one authority. */
export const makeServingPair = (commonName = 'writ-webhook'): ServingPair => {
  const { certificatePem, keyPem } = issueLeaf(authority, { commonName, hosts: ['127.0.0.1', 'localhost'] });
  return { certPem: certificatePem, keyPem, caPem: authority.certificatePem };
};
