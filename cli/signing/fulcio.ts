// SPDX-License-Identifier: Apache-2.0
// A certificate of ten minutes for a key of one signature: github.com/sigstore/fulcio, API v2.
import { Buffer } from 'node:buffer';
import { X509Certificate, sign } from 'node:crypto';
import type { KeyPairKeyObjectResult } from 'node:crypto';
import type { JsonValue } from '../../policies/document/json.ts';
import { own } from '../../policies/document/json.ts';
import { objectAt } from '../../policies/trust/strict-json.ts';
import type { IdentityToken } from './identity-token.ts';
import { askJson, serviceError } from './services.ts';
import type { Service } from './services.ts';

const leafIn = (certificates: JsonValue | undefined): Buffer | undefined => {
  const [pem]: readonly JsonValue[] = Array.isArray(certificates) ? certificates : [];
  try {
    return typeof pem === 'string' ? new X509Certificate(pem).raw : undefined;
  } catch {
    return undefined;
  }
};

/** DER of the certificate; the SCT stands in it. */
export const requestCertificate = async (service: Service, pair: KeyPairKeyObjectResult, token: IdentityToken): Promise<Buffer> => {
  const answer = await askJson(service, {
    path: '/api/v2/signingCert',
    body: {
      credentials: { oidcIdentityToken: token.text },
      publicKeyRequest: {
        publicKey: { algorithm: 'ECDSA', content: String(pair.publicKey.export({ type: 'spki', format: 'pem' })) },
        proofOfPossession: sign('sha256', Buffer.from(token.subject), pair.privateKey).toString('base64'),
      },
    },
  });
  const chain = objectAt(objectAt(answer, 'signedCertificateEmbeddedSct') ?? {}, 'chain');
  const leaf = leafIn(own(chain ?? {}, 'certificates'));
  if (leaf === undefined) throw serviceError(service, 'it gave no certificate with an embedded SCT');
  return leaf;
};
