// SPDX-License-Identifier: Apache-2.0
/**
 * The Secret with the keys of the audit log: the one that signs checkpoints, and the ones under which data keys are stored. Made
 * once; the wrapping key is changed by age, and old ones go when nothing is under them any more.
 *
 * Who reads this Secret and the store reads the encrypted fields, and can sign; the API server should keep Secrets encrypted.
 */
import { Buffer } from 'node:buffer';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { AUDIT_SECRET, MANAGED_BY, MANAGED_BY_LABEL, SYNC_FIELD_MANAGER, secrets } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { DATA_KEY_BYTES } from '../../policies/transparency/sealed-field.ts';
import { verifierKey } from '../../policies/transparency/note.ts';
import type { NoteSigner } from '../../policies/transparency/note.ts';
import type { WrappingKey, WrappingKeys } from './data-keys.ts';

type SecretObject = KubeObject & { readonly type?: string; readonly data?: Readonly<Record<string, string>> };

export type AgedKey = WrappingKey & { readonly madeMs: number };
export type AuditKeys = {
  readonly signer: NoteSigner;
  readonly wrapping: readonly [newest: AgedKey, ...older: readonly AgedKey[]];
  /** Ids of data keys that were destroyed, the latest last. */
  readonly erased: readonly string[];
};

export type AuditSecret = {
  read(): Promise<AuditKeys>;
  /** Replaces the wrapping keys; the signing key stays. */
  write(keys: AuditKeys): Promise<void>;
};

const SIGNING = 'signing.pem';
const WRAPPING = 'wrapping.json';
const VERIFIER = 'verifier-key';
const ERASED = 'erased.json';
/** A Secret holds 1 MiB. What was destroyed longest ago falls out: a backup that has it yet is older than all that came after. */
export const MOST_ERASED = 20_000;

const textIn = ({ data = {} }: SecretObject, key: string): string =>
  Object.hasOwn(data, key) ? Buffer.from(data[key] ?? '', 'base64').toString() : '';

/** What `wrapping.json` of the Secret holds; a key that is none is left out. Throws where the text is no JSON. */
export const readWrapping = (text: string): readonly AgedKey[] => {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) return [];
  const items: readonly unknown[] = value;
  return items.flatMap((item) => {
    if (!isRecord(item)) return [];
    const { version, madeMs, key } = item;
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : undefined;
    if (typeof version !== 'number' || typeof madeMs !== 'number' || bytes?.length !== DATA_KEY_BYTES) return [];
    return [{ version, madeMs, bytes }];
  });
};

const readErased = (text: string): readonly string[] => {
  const value: unknown = text === '' ? [] : JSON.parse(text);
  return Array.isArray(value) ? value.filter((kid: unknown) => typeof kid === 'string') : [];
};

const keysOf = (secret: SecretObject, name: string): AuditKeys => {
  try {
    const privateKey = createPrivateKey(textIn(secret, SIGNING));
    const key = verifierKey(name, privateKey);
    const [newest, ...older] = readWrapping(textIn(secret, WRAPPING)).toSorted((a, b) => b.version - a.version);
    if (key !== undefined && newest !== undefined)
      return { signer: { key, privateKey }, wrapping: [newest, ...older], erased: readErased(textIn(secret, ERASED)) };
  } catch {
    // Told below; what is in the Secret is not.
  }
  throw new Error(`Secret ${AUDIT_SECRET} does not hold the keys of the audit log: restore it, or see docs/audit.md on beginning anew`);
};

const dataOf = ({ signer, wrapping, erased }: AuditKeys): Readonly<Record<string, string>> => {
  const pem = signer.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const rows = wrapping.map(({ version, madeMs, bytes }) => ({ version, madeMs, key: bytes.toString('base64') }));
  const texts = {
    [SIGNING]: pem,
    [WRAPPING]: JSON.stringify(rows),
    [VERIFIER]: `${signer.key.text}\n`,
    ...(erased.length === 0 ? {} : { [ERASED]: JSON.stringify(erased) }),
  };
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
};

export const createAuditSecret = (options: {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Origin of the root log, which is the name of the key. */
  readonly name: string;
  readonly random: (bytes: number) => Buffer;
  readonly now: () => number;
}): AuditSecret => {
  const { client, namespace, name, random, now } = options;
  const ref = { namespace, name: AUDIT_SECRET };
  const object = (keys: AuditKeys): SecretObject => ({
    metadata: { ...ref, labels: { [MANAGED_BY_LABEL]: MANAGED_BY } },
    type: 'Opaque',
    data: dataOf(keys),
  });
  const make = async (): Promise<AuditKeys> => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const key = verifierKey(name, privateKey);
    if (key === undefined) throw new Error(`"${name}" can not name a log`);
    const wrapping = { version: 1, madeMs: now(), bytes: random(DATA_KEY_BYTES) };
    const keys: AuditKeys = { signer: { key, privateKey }, wrapping: [wrapping], erased: [] };
    await client.create(secrets, object(keys));
    return keys;
  };
  const find = async (): Promise<AuditKeys | undefined> => {
    const found = await client.get<SecretObject>(secrets, ref);
    return found === undefined ? undefined : keysOf(found, name);
  };
  return {
    read: async () => {
      const found = await find();
      if (found !== undefined) return found;
      try {
        return await make();
      } catch (error) {
        const raced = error instanceof KubeApiError && error.status === 409 ? await find() : undefined;
        if (raced === undefined) throw error;
        return raced;
      }
    },
    write: async (keys) => {
      await client.apply(secrets, object(keys), { fieldManager: SYNC_FIELD_MANAGER, force: true });
    },
  };
};

/** With a new key before the others, where the newest is too old; otherwise the same. */
export const withFreshKey = (
  keys: AuditKeys,
  { lifetimeMs, nowMs, random }: { readonly lifetimeMs: number; readonly nowMs: number; readonly random: (bytes: number) => Buffer },
): AuditKeys => {
  const [newest] = keys.wrapping;
  if (nowMs - newest.madeMs < lifetimeMs) return keys;
  return { ...keys, wrapping: [{ version: newest.version + 1, madeMs: nowMs, bytes: random(DATA_KEY_BYTES) }, ...keys.wrapping] };
};

export const wrappingOf = ({ wrapping }: AuditKeys): WrappingKeys => wrapping;
