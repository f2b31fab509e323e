// SPDX-License-Identifier: Apache-2.0
// A timestamp over a signature: RFC 3161, by HTTP.
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { isTimestampResponse } from '../../policies/trust/timestamp.ts';
import { ask, serviceError } from './services.ts';
import type { Service } from './services.ts';

/** TimeStampReq of version 1 with a SHA-256 imprint; behind it certReq, so that the response names its certificate. */
const HEAD = Buffer.from('30390201013031300d060960864801650304020105000420', 'hex');
const CERTIFICATE_WANTED = Buffer.from('0101ff', 'hex');

/** TimeStampResp in DER. */
export const requestTimestamp = async (service: Service, signature: Buffer): Promise<Buffer> => {
  const answer = await ask(service, {
    path: '',
    body: Buffer.concat([HEAD, hash('sha256', signature, 'buffer'), CERTIFICATE_WANTED]),
    headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
  });
  if (!isTimestampResponse(answer)) throw serviceError(service, 'its answer is no granted timestamp');
  return answer;
};
