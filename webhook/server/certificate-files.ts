// SPDX-License-Identifier: Apache-2.0
// A certificate in two files, read again every few seconds: mounted Secrets swap symbolic links, and no file
// notification survives that.
import { readFile } from 'node:fs/promises';
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import type { CertificateHolder } from './certificate.ts';

export type FilesOptions = {
  readonly certFile: string;
  readonly keyFile: string;
  readonly holder: CertificateHolder;
  readonly clock: Clock;
  readonly intervalMs?: number;
  readonly onError: (error: unknown) => void;
};

const INTERVAL_MS = 10_000;

const readOnce = async ({ certFile, keyFile, holder, onError }: FilesOptions): Promise<void> => {
  try {
    const [certPem, keyPem] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    holder.offer({ certPem, keyPem });
  } catch (error) {
    onError(error);
  }
};

/** Reads until the signal ends it. */
export const followFiles = async (options: FilesOptions, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await readOnce(options);
    await sleep(options.clock, options.intervalMs ?? INTERVAL_MS, signal);
  }
};
