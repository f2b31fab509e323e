// SPDX-License-Identifier: Apache-2.0
// An entry of a transparency log, read strictly and held against the seal that it is said to be of.
//
// The Sigstore library proves that the entry is in the log and speaks of this signature. It does not look at: by whose key
// the entry says that the signature is, the root hash and the size beside the checkpoint, an index or a time that nothing
// signs, and lines of a checkpoint that are no signatures. All of these are held here, so that no field of a bundle is for
// show. Formats: github.com/sigstore/rekor (v1) and rekor-tiles (v2), github.com/C2SP/C2SP, tlog-checkpoint.
import { Buffer } from 'node:buffer';
import { own } from '../document/json.ts';
import type { JsonObject } from '../document/json.ts';
import { isKeyOfHint } from './key.ts';
import { bytesAt, decodeBase64, indexAt, integerAt, objectAt, objectsAt, parseStrictBytes, strangerIn, textAt } from './strict-json.ts';

export type LogEntry = {
  readonly logId: Buffer;
  /** When the log promised to keep it; undefined where it promised nothing. */
  readonly integratedMs: number | undefined;
  readonly body: JsonObject;
  /** Of the checkpoint; undefined where there is no proof. */
  readonly checkpoint: Checkpoint | undefined;
};

/** Who signed it: the name, and the first bytes of the key's identity. */
type Checkpoint = { readonly signers: readonly { readonly name: string; readonly hint: Buffer }[] };

/** What signed: the certificate, or the hint of the key. */
export type Material = { readonly certificate: Buffer } | { readonly hint: string };

export type EntryOutcome = { readonly ok: true; readonly entry: LogEntry } | { readonly ok: false; readonly why: string };

const no = (why: string): EntryOutcome => ({ ok: false, why });

const ENTRY_FIELDS = ['logIndex', 'logId', 'kindVersion', 'integratedTime', 'inclusionPromise', 'inclusionProof', 'canonicalizedBody'];
const PROOF_FIELDS = ['logIndex', 'rootHash', 'treeSize', 'hashes', 'checkpoint'];
const KINDS: ReadonlySet<string> = new Set(['hashedrekord 0.0.1', 'hashedrekord 0.0.2', 'dsse 0.0.1', 'dsse 0.0.2', 'intoto 0.0.2']);
/** A tree of 2^63 leaves needs no more. */
const MAX_HASHES = 63;

const MAX_CHECKPOINT = 8192;
/** Origin, size, root, then lines that extend it; a blank line; signatures. All of it, and nothing else. */
const CHECKPOINT =
  /^(?<origin>[^\n]+)\n(?<size>0|[1-9][0-9]{0,18})\n(?<root>[A-Za-z0-9+/=]+)\n(?:[^\n]+\n)*\n(?<signatures>(?:\u2014 [^\s]+ [A-Za-z0-9+/=]+\n)+)$/;

const HINT_BYTES = 4;

/** Of a line; undefined where it holds none. */
const signerOf = (line: string): Checkpoint['signers'][number] | undefined => {
  const [, name = '', text] = line.split(' ');
  const signature = decodeBase64(text);
  return signature === undefined || signature.length <= HINT_BYTES ? undefined : { name, hint: signature.subarray(0, HINT_BYTES) };
};

const linesOf = (signatures = ''): readonly string[] => signatures.trimEnd().split('\n');

/** Whether the line is under the key of this log, as it says. */
const isOfLog = (hint: Buffer | undefined, logId: Buffer): boolean => hint?.equals(logId.subarray(0, HINT_BYTES)) === true;

/** The one line under a checkpoint that is proven is that of its log, by name and by key; two of them are none. */
export const isSignedByLog = ({ signers }: Checkpoint, log: { readonly name: string; readonly logId: Buffer }): boolean => {
  const [line, ...more] = signers.filter(({ hint }) => isOfLog(hint, log.logId));
  return line?.name === log.name && more.length === 0;
};

/** Without the lines of witnesses, which nobody asks and nobody proves; as it is, where it is no checkpoint that its log signed. */
export const bareCheckpoint = (envelope: string, logId: Buffer): string => {
  const signatures = envelope.length > MAX_CHECKPOINT ? undefined : CHECKPOINT.exec(envelope)?.groups?.['signatures'];
  const kept = linesOf(signatures).filter((line) => isOfLog(signerOf(line)?.hint, logId));
  if (signatures === undefined || kept.length === 0) return envelope;
  return `${envelope.slice(0, -signatures.length)}${kept.map((line) => `${line}\n`).join('')}`;
};

const readCheckpoint = (envelope: string): (Checkpoint & { readonly size: bigint; readonly root: Buffer }) | undefined => {
  const groups = envelope.length > MAX_CHECKPOINT ? undefined : CHECKPOINT.exec(envelope)?.groups;
  const root = decodeBase64(groups?.['root']);
  if (groups === undefined || root === undefined) return undefined;
  const lines = linesOf(groups['signatures']);
  const signers = lines.flatMap((line) => signerOf(line) ?? []);
  return signers.length === lines.length ? { size: BigInt(groups['size'] ?? 0), root, signers } : undefined;
};

type ProofOutcome = { readonly index: bigint; readonly checkpoint: Checkpoint } | undefined;

const readProof = (proof: JsonObject): ProofOutcome => {
  const index = indexAt(proof, 'logIndex');
  const size = integerAt(proof, 'treeSize');
  const root = bytesAt(proof, 'rootHash');
  const hashes = own(proof, 'hashes') ?? [];
  const note = objectAt(proof, 'checkpoint');
  const envelope = note === undefined || strangerIn(note, ['envelope']) !== undefined ? undefined : textAt(note, 'envelope');
  const checkpoint = envelope === undefined ? undefined : readCheckpoint(envelope);
  if (strangerIn(proof, PROOF_FIELDS) !== undefined || index === undefined || checkpoint === undefined) return undefined;
  if (!Array.isArray(hashes) || hashes.length > MAX_HASHES || !hashes.every((hash) => decodeBase64(hash)?.length === 32)) return undefined;
  return size === checkpoint.size && root?.equals(checkpoint.root) === true ? { index, checkpoint } : undefined;
};

const readPromise = (entry: JsonObject): 'promised' | 'none' | 'malformed' => {
  const promise = own(entry, 'inclusionPromise');
  if (promise === undefined || promise === null) return 'none';
  const object = objectAt(entry, 'inclusionPromise');
  const isWhole = object !== undefined && strangerIn(object, ['signedEntryTimestamp']) === undefined;
  return isWhole && bytesAt(object, 'signedEntryTimestamp') !== undefined ? 'promised' : 'malformed';
};

/** Reads one entry of `tlogEntries`. Total. */
export const readLogEntry = (entry: JsonObject): EntryOutcome => {
  const stranger = strangerIn(entry, ENTRY_FIELDS);
  if (stranger !== undefined) return no(`unknown field ${stranger}`);
  const log = objectAt(entry, 'logId');
  const logId = log === undefined || strangerIn(log, ['keyId']) !== undefined ? undefined : bytesAt(log, 'keyId');
  const index = indexAt(entry, 'logIndex');
  const kind = objectAt(entry, 'kindVersion');
  const body = parseStrictBytes(bytesAt(entry, 'canonicalizedBody') ?? Buffer.alloc(0));
  if (logId === undefined || index === undefined || kind === undefined || body === undefined)
    return no('logId, logIndex, kindVersion or canonicalizedBody is malformed');
  const kindVersion = `${textAt(kind, 'kind') ?? ''} ${textAt(kind, 'version') ?? ''}`;
  if (!KINDS.has(kindVersion) || strangerIn(kind, ['kind', 'version']) !== undefined)
    return no(`entries of kind ${kindVersion.slice(0, 40)} are not supported`);
  const promise = readPromise(entry);
  const proofObject = objectAt(entry, 'inclusionProof');
  const proof = proofObject === undefined ? undefined : readProof(proofObject);
  if (promise === 'malformed' || ((own(entry, 'inclusionProof') ?? null) !== null && proof === undefined))
    return no('its promise or its proof is malformed, or the proof is not that of its checkpoint');
  const seconds = own(entry, 'integratedTime') === undefined ? 0n : integerAt(entry, 'integratedTime');
  if (seconds === undefined) return no('integratedTime is no time');
  // Only a promise signs the index within the whole log and the time.
  if (promise === 'none' && (seconds !== 0n || proof?.index !== index)) return no('it has a time or an index that nothing signs');
  return {
    ok: true,
    entry: { logId, integratedMs: promise === 'promised' ? Number(seconds) * 1000 : undefined, body, checkpoint: proof?.checkpoint },
  };
};

const at = (object: JsonObject | undefined, ...path: readonly string[]): JsonObject | undefined =>
  path.reduce<JsonObject | undefined>((value, field) => (value === undefined ? undefined : objectAt(value, field)), object);

const onlyOf = (object: JsonObject | undefined, field: string): JsonObject | undefined => {
  const list = object === undefined ? undefined : objectsAt(object, field);
  return list?.length === 1 ? list[0] : undefined;
};

const derOf = (pem: Buffer, label: string): Buffer | undefined => {
  const match = new RegExp(`^-----BEGIN ${label}-----\\n([A-Za-z0-9+/=\\n]+)-----END ${label}-----\\n*$`).exec(pem.toString('latin1'));
  return decodeBase64(match?.[1]?.replaceAll('\n', ''));
};

const isPemOf = (pem: Buffer | undefined, material: Material): boolean => {
  if (pem === undefined) return false;
  const der = derOf(pem, 'hint' in material ? 'PUBLIC KEY' : 'CERTIFICATE');
  return der !== undefined && ('hint' in material ? isKeyOfHint(der, material.hint) : der.equals(material.certificate));
};

const isVerifierOf = (verifier: JsonObject | undefined, material: Material): boolean => {
  if ('certificate' in material) return bytesAt(at(verifier, 'x509Certificate') ?? {}, 'rawBytes')?.equals(material.certificate) === true;
  const der = bytesAt(at(verifier, 'publicKey') ?? {}, 'rawBytes');
  return der !== undefined && isKeyOfHint(der, material.hint);
};

/** Whether the entry says that the signature is by this certificate or key, which the library does not ask. */
export const isEntryBy = ({ body }: LogEntry, material: Material): boolean => {
  const spec = at(body, 'spec');
  switch (`${textAt(body, 'kind') ?? ''} ${textAt(body, 'apiVersion') ?? ''}`) {
    case 'hashedrekord 0.0.1':
      return isPemOf(bytesAt(at(spec, 'signature', 'publicKey') ?? {}, 'content'), material);
    case 'dsse 0.0.1':
      return isPemOf(bytesAt(onlyOf(spec, 'signatures') ?? {}, 'verifier'), material);
    case 'intoto 0.0.2':
      return isPemOf(bytesAt(onlyOf(at(spec, 'content', 'envelope'), 'signatures') ?? {}, 'publicKey'), material);
    case 'hashedrekord 0.0.2':
      return isVerifierOf(at(spec, 'hashedRekordV002', 'signature', 'verifier'), material);
    case 'dsse 0.0.2':
      return isVerifierOf(at(onlyOf(at(spec, 'dsseV002'), 'signatures'), 'verifier'), material);
    default:
      return false;
  }
};
