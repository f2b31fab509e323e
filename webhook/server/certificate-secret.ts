// SPDX-License-Identifier: Apache-2.0
// The pair in a Secret's data, as the operator writes it (`tls.crt`, `tls.key`, base64).
import { isRecord } from '../../crds/wire.ts';
import type { CertificatePair } from './certificate.ts';

const textAt = (data: Readonly<Record<string, unknown>>, key: string): string | undefined => {
  const value = Object.hasOwn(data, key) ? data[key] : undefined;
  return typeof value === 'string' && value !== '' ? Buffer.from(value, 'base64').toString('utf8') : undefined;
};

export const pairInSecret = (secret: unknown): CertificatePair | undefined => {
  const data = isRecord(secret) ? secret['data'] : undefined;
  if (!isRecord(data)) return undefined;
  const certPem = textAt(data, 'tls.crt');
  const keyPem = textAt(data, 'tls.key');
  return certPem === undefined || keyPem === undefined ? undefined : { certPem, keyPem };
};

/** Who signs it and what comes after it: `ca.crt`. */
export const authoritiesIn = (secret: unknown): string | undefined => {
  const data = isRecord(secret) ? secret['data'] : undefined;
  return isRecord(data) ? textAt(data, 'ca.crt') : undefined;
};
