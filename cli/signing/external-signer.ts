// SPDX-License-Identifier: Apache-2.0
// A signer elsewhere: a command that signs with a key in an HSM or a KMS, which never leaves it.
//
// The protocol is what such programs speak already. Standard input: the bytes to be signed, or their digest. Standard output:
// the signature and nothing else, as bytes or as base64; ECDSA as DER or as PKCS#11 has it, r and s side by side. The
// environment tells more (WRIT_SIGNER_…). Which of these forms it was is found by the one question that counts: does it
// verify with the public key? Nothing that does not is written.
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { algorithmOf, digestFor, isSignedBy } from '../../policies/trust/key.ts';
import { bundleOf, bytesToSign } from '../../policies/trust/seal.ts';
import { UserError } from '../output.ts';
import type { PublicKeyFile } from '../public-key.ts';
import { runBounded } from './run-bounded.ts';
import type { BoundedRun } from './run-bounded.ts';
import type { Signer } from './signer.ts';

export type SignerInput = 'bytes' | 'digest';

export type ExternalSigner = Pick<BoundedRun, 'command' | 'env' | 'timeoutMs'> & {
  readonly publicKey: PublicKeyFile;
  readonly input: SignerInput;
};

/** RSA of 16384 bits in base64, twice over. */
const MAX_OUTPUT_BYTES = 8 * 1024;

const NAMES: Readonly<Record<string, string>> = {
  ec: 'ECDSA',
  rsa: 'RSASSA_PKCS1_V1_5',
  ed25519: 'ED25519',
};

const algorithmName = (key: KeyObject): string => {
  const digest = digestFor(key);
  const name = NAMES[key.asymmetricKeyType ?? ''] ?? '';
  return typeof digest === 'string' ? `${name}_${digest.toUpperCase().replace('SHA', 'SHA_')}` : name;
};

const derInteger = (bytes: Buffer): Buffer => {
  const first = bytes.findIndex((byte) => byte !== 0);
  const short = first === -1 ? Buffer.from([0]) : bytes.subarray(first);
  const whole = (short[0] ?? 0) < 0x80 ? short : Buffer.concat([Buffer.from([0]), short]);
  return Buffer.concat([Buffer.from([0x02, whole.length]), whole]);
};

/** r and s side by side → `ECDSA-Sig-Value`. Both curves stay below the lengths that need a second byte. */
const derOf = (raw: Buffer): Buffer => {
  const content = Buffer.concat([derInteger(raw.subarray(0, raw.length / 2)), derInteger(raw.subarray(raw.length / 2))]);
  return Buffer.concat([Buffer.from([0x30, content.length]), content]);
};

/** Every way in which these bytes can be meant. */
const readingsOf = (output: Buffer, key: KeyObject): readonly Buffer[] => {
  const text = output.toString('latin1').replaceAll(/\s/g, '');
  const decoded = /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? [Buffer.from(text, 'base64')] : [];
  const forms = [output, ...decoded];
  const isPair = (form: Buffer): boolean => key.asymmetricKeyType === 'ec' && (form.length === 64 || form.length === 96);
  return [...forms, ...forms.filter(isPair).map(derOf)];
};

const failed = (program: string, why: string, hint: string): UserError =>
  new UserError([{ code: 'SIGNER_FAILED', message: `${program}: ${why}`, hint }]);

/** `publicKey` must be one that can make seals. */
export const externalSigner = ({ command, env, timeoutMs, publicKey, input }: ExternalSigner): Signer => {
  const key = publicKey.publicKey;
  const digest = digestFor(key);
  const [program] = command;
  if (input === 'digest' && typeof digest !== 'string')
    throw failed(program, `${algorithmOf(key)} signs no digest`, 'leave out --signer-input digest');
  return {
    hint: publicKey.hint,
    title: `the key ${publicKey.hint}`,
    seal: async (sealed) => {
      const bytes = bytesToSign(sealed);
      const outcome = await runBounded({
        command,
        timeoutMs,
        maxOutputBytes: MAX_OUTPUT_BYTES,
        input: input === 'digest' && typeof digest === 'string' ? hash(digest, bytes, 'buffer') : bytes,
        env: { ...env, WRIT_SIGNER_INPUT: input, WRIT_SIGNER_ALGORITHM: algorithmName(key), WRIT_SIGNER_HINT: publicKey.hint },
      });
      if (!outcome.ok) throw failed(program, outcome.why, 'run it by hand with a file on its standard input');
      const signature = readingsOf(outcome.output, key).find((reading) => isSignedBy(bytes, reading, key));
      if (signature === undefined) {
        const why = `what it wrote (${outcome.output.length} bytes) is no signature by ${publicKey.algorithm} key ${publicKey.hint}`;
        throw failed(program, why, 'see that the key, the mechanism and --signer-input fit --public-key');
      }
      return bundleOf(sealed, { signature, key });
    },
  };
};
