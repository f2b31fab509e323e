// SPDX-License-Identifier: Apache-2.0
// Keyless signing: a key for one signature, a certificate that says whose it was, a log entry that says that it was used.
//
// The private key never leaves this process and is forgotten with it. What the services answer is judged before it is
// handed on: by the trusted root where there is one, and in any case as strictly as a seal is read later.
import { Buffer } from 'node:buffer';
import { generateKeyPairSync, hash, sign } from 'node:crypto';
import type { JsonObject } from '../../policies/document/json.ts';
import { readAnyBundle } from '../../policies/trust/bundle.ts';
import { readCertificate } from '../../policies/trust/certificate.ts';
import { hintOf } from '../../policies/trust/key.ts';
import { isEntryBy } from '../../policies/trust/log-entry.ts';
import { bytesToSign } from '../../policies/trust/seal.ts';
import type { Sealed } from '../../policies/trust/seal.ts';
import { PAYLOAD_TYPE } from '../../policies/trust/statement.ts';
import type { TrustedRoot } from '../../policies/trust/trusted-root.ts';
import { judgeBundle } from '../bundle/judge.ts';
import { UserError } from '../output.ts';
import { requestCertificate } from './fulcio.ts';
import type { IdentityToken } from './identity-token.ts';
import { enterIntoLog } from './rekor.ts';
import type { Service } from './services.ts';
import type { Signer } from './signer.ts';
import { requestTimestamp } from './timestamp.ts';

export type Keyless = {
  readonly fulcio: Service;
  readonly rekor: Service;
  readonly rekorVersion: 1 | 2;
  readonly timestamps: Service | undefined;
  readonly token: () => Promise<IdentityToken>;
  readonly root: TrustedRoot | undefined;
};

type Parts = {
  readonly sealed: Sealed;
  readonly signature: Buffer;
  readonly certificate: Buffer;
  readonly entry: JsonObject;
  readonly timestamp: Buffer | undefined;
};

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const contentOf = ({ sealed, signature }: Parts): object =>
  'message' in sealed
    ? {
        messageSignature: {
          messageDigest: { algorithm: 'SHA2_256', digest: hash('sha256', sealed.message, 'base64') },
          signature: base64(signature),
        },
      }
    : {
        dsseEnvelope: { payload: base64(sealed.statement), payloadType: PAYLOAD_TYPE, signatures: [{ sig: base64(signature), keyid: '' }] },
      };

const bundleOf = (parts: Parts): string =>
  JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: {
      certificate: { rawBytes: base64(parts.certificate) },
      tlogEntries: [parts.entry],
      ...(parts.timestamp === undefined
        ? {}
        : { timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: base64(parts.timestamp) }] } }),
    },
    ...contentOf(parts),
  });

const wrong = (why: string): UserError =>
  new UserError([{ code: 'SIGNER_FAILED', message: `what the services answered makes no good seal: ${why}` }]);

/** All that can be asked without a trusted root: that everything is whole, and is of this key. */
const check = (bundle: string, parts: Parts): void => {
  const read = readAnyBundle(bundle);
  if (!read.ok) throw wrong(read.problem.message);
  if (!read.seal.logEntries.every((entry) => isEntryBy(entry, { certificate: parts.certificate })))
    throw wrong('the log entry is of another certificate');
};

const judge = (bundle: string, { sealed, certificate }: Parts, root: TrustedRoot): void => {
  const read = readCertificate(certificate);
  if (!read.ok) throw wrong(`the certificate: ${read.why}`);
  const { subject, issuer } = read.certificate;
  const [bytes] = 'message' in sealed ? [sealed.message] : [undefined];
  const sha256 = bytes === undefined ? firstSubjectOf(sealed) : hash('sha256', bytes);
  const outcome = judgeBundle({ bundle, artifact: { name: '', sha256, bytes }, expected: { identity: subject, issuer }, root });
  if (!outcome.ok) throw wrong(`${outcome.problem.code}, ${outcome.problem.message}`);
};

const firstSubjectOf = (sealed: Sealed): string => {
  const text = 'statement' in sealed ? Buffer.from(sealed.statement).toString('utf8') : '';
  return /"sha256":"([0-9a-f]{64})"/.exec(text)?.[1] ?? '';
};

export const keylessSigner = ({ fulcio, rekor, rekorVersion, timestamps, token, root }: Keyless): Signer => ({
  hint: undefined,
  title: `an identity, by ${fulcio.url.host}`,
  seal: async (sealed) => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificate = await requestCertificate(fulcio, pair, await token());
    const read = readCertificate(certificate);
    if (!read.ok || read.certificate.key.hint !== hintOf(pair.publicKey)) throw wrong('the certificate is not of the key that was sent');
    const signature = sign('sha256', bytesToSign(sealed), pair.privateKey);
    const timestamp = timestamps === undefined ? undefined : await requestTimestamp(timestamps, signature);
    const entry = await enterIntoLog(rekor, rekorVersion, { sealed, signature, certificate });
    const parts = { sealed, signature, certificate, entry, timestamp };
    const bundle = bundleOf(parts);
    check(bundle, parts);
    if (root !== undefined) judge(bundle, parts, root);
    return bundle;
  },
});
