// SPDX-License-Identifier: Apache-2.0
// The last chapter: what is on record of one tenant, handed out as a folder that proves itself, and refused with one bit changed.
import { existsSync, globSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AUDIT_SECRET, SYSTEM_NAMESPACE, secrets } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { decodeEntry } from '../../policies/transparency/entry.ts';
import { readBundle } from '../../policies/transparency/tiles.ts';
import { until } from '../../test/scenario/until.ts';
import { AUDIT } from './metering.ts';
import { showWrit } from './scene.ts';
import type { Scene } from './scene.ts';

const TENANT = 'red';
const EXPORT = 'red-audit';
const KEY = 'audit.vkey';
const VERIFY = ['audit', 'verify', EXPORT, '--vkey', KEY];

const keepKey = async ({ writ, stage, folder }: Scene): Promise<void> => {
  stage.does(
    `kubectl -n ${SYSTEM_NAMESPACE} get secret ${AUDIT_SECRET} -o jsonpath='{.data.verifier-key}' | base64 -d > ${KEY}     (once, when Writ is installed)`,
  );
  const secret = await writ.client.get<KubeObject & { readonly data?: Readonly<Record<string, string>> }>(secrets, {
    namespace: SYSTEM_NAMESPACE,
    name: AUDIT_SECRET,
  });
  const key = Buffer.from(secret?.data?.['verifier-key'] ?? '', 'base64');
  await writeFile(join(folder, KEY), key);
  stage.answers(key.toString());
};

const bundlesIn = (folder: string): readonly string[] =>
  globSync(`${EXPORT}/tenant/${TENANT}/tile/entries/**`, { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const showEntries = async ({ stage, folder }: Scene): Promise<void> => {
  const bundles = await Promise.all(bundlesIn(folder).map((path) => readFile(path)));
  const rows = bundles
    .flatMap((bundle) => readBundle(bundle).entries)
    .map(({ bytes }) => {
      const { seq = 0, ts = '', action = '', object, decision = '', actor = '' } = decodeEntry(bytes) ?? {};
      const what = object === undefined ? `by ${actor}` : `${object.kind} ${object.name}, by ${actor}`;
      return `${String(seq).padStart(3)}  ${ts.slice(11, 19)}  ${action.padEnd(22)}  ${decision.padEnd(5)}  ${what}`;
    });
  stage.note('\nIts entries, each by its number:');
  stage.table(rows.join('\n'));
};

const flipOneBit = async ({ stage, folder }: Scene): Promise<() => Promise<void>> => {
  const [path = ''] = bundlesIn(folder);
  const good = await readFile(path);
  const at = Math.floor(good.length / 2);
  const bad = Buffer.from(good);
  bad[at] = (bad[at] ?? 0) ^ 1;
  stage.does(`somebody changes one bit: in byte ${at + 1} of ${path.slice(folder.length + 1)}`);
  await writeFile(path, bad);
  return () => writeFile(path, good);
};

export const showProof = async (scene: Scene): Promise<void> => {
  const { stage, folder } = scene;
  stage.chapter(
    'What can be proven of it',
    'What the operator does goes into an append-only log, one for each tenant. red gets its own, and a proof that the log over all logs holds it. To verify it takes neither a cluster nor a network, only the key that was kept.',
  );
  await keepKey(scene);
  await until(async () => existsSync(join(folder, AUDIT, 'tenant', TENANT, 'checkpoint')), { what: 'the log of red to be published' });
  await showWrit(scene, ['audit', 'export', AUDIT, '--tenant', TENANT, '--out', EXPORT]);
  await showEntries(scene);
  await showWrit(scene, VERIFY);
  const mend = await flipOneBit(scene);
  await showWrit(scene, VERIFY, 1);
  await mend();
};
