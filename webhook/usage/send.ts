// SPDX-License-Identifier: Apache-2.0
// One batch to the ledger over HTTP(S), with the service account token that kubelet keeps fresh in a file.
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { SendBatch } from './index.ts';

const TIMEOUT_MS = 10_000;

export const sendTo =
  (options: {
    readonly url: URL;
    readonly tokenFile: string;
    /** Authorities in PEM, of the Secret that the operator keeps; undefined: those of the system. */
    readonly authorities: () => string | undefined;
  }): SendBatch =>
  async (batch, signal) => {
    const token = (await readFile(options.tokenFile, 'utf8')).trim();
    const { url } = options;
    const ca = options.authorities();
    return await new Promise<number>((resolve, reject) => {
      const call = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
        method: 'POST',
        signal,
        timeout: TIMEOUT_MS,
        ...(ca === undefined || url.protocol === 'http:' ? {} : { ca }),
        headers: {
          'content-type': 'application/cloudevents-batch+json',
          'content-length': Buffer.byteLength(batch),
          authorization: `Bearer ${token}`,
        },
      });
      call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      call.on('error', reject);
      call.on('response', (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
        response.on('error', reject);
      });
      call.end(batch);
    });
  };
