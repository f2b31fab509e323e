// SPDX-License-Identifier: Apache-2.0
import type { KeyObject } from 'node:crypto';

/** A Sigstore bundle v0.3 (JSON text) over exact bytes by an ECDSA P-256 private key; throws TypeError for any other key. */
export const seal = (bytes: Uint8Array, privateKey: KeyObject): string => { throw new Error(String(privateKey.type) + bytes.length); };
