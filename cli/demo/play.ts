// SPDX-License-Identifier: Apache-2.0
// What a person needs to go on alone after the story: kubectl and writ on the PATH, a clone of the policy repository, and the
// key that the cluster trusts.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Installation } from '../../test/scenario/installation.ts';
import { WRIT } from './scene.ts';
import type { Scene } from './scene.ts';

const shellWord = (text: string): string => (/^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`);

const REPLACED = `sed -i.old 's/version: 2/version: 3/; s/enforcement: Deny/enforcement: Warn/' policies/limits-set.yaml`;
const FETCHED = 'kubectl -n writ-system annotate --overwrite gitsource policies writ.dev/requestedAt="$(date)"';

export type Desk = { readonly bin: string; readonly clone: string; readonly key: string };

/** Into the folder: programs, a clone of the policy repository, the key. */
export const layOut = async (writ: Installation, folder: string): Promise<Desk> => {
  const [bin, clone, key] = [join(folder, 'bin'), join(folder, 'policies'), join(folder, 'platform-security.key')];
  await mkdir(bin);
  await symlink(writ.plane.kubectlPath, join(bin, 'kubectl'));
  await symlink(WRIT, join(bin, 'writ'));
  await writeFile(key, writ.signer.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const settings = ['user.name=Ada', 'user.email=ada@example.com', 'commit.gpgSign=false'].flatMap((setting) => ['--config', setting]);
  await writ.repository.git(['clone', '--quiet', ...settings, writ.repository.dir, clone]);
  return { bin, clone, key };
};

/** Says all of it; the caller keeps everything up. */
export const inviteToPlay = ({ writ, stage, folder }: Scene, { bin, clone, key }: Desk): void => {
  stage.chapter('Play', 'Everything stays up until Ctrl-C, which removes all of it. In another terminal:');
  stage.commands(`export KUBECONFIG=${shellWord(writ.plane.kubeconfig)}\nexport PATH=${shellWord(bin)}:$PATH`);
  stage.commands('kubectl get writ -A\nkubectl explain policy.spec\nkubectl -n acme-prod run shell --image=busybox');
  stage.note('\nEvery refusal names its decision (d-…), and each has a record:');
  stage.commands(`writ explain d-… --log ${shellWord(join(writ.folder, 'decisions.jsonl'))}`);
  stage.note('\nWhat everybody used and what is on record, told by the operator as it goes on:');
  stage.commands(
    [
      `cd ${shellWord(folder)} && kubectl get tenantusages`,
      'writ usage report --ledger ledger.db',
      'writ slo status --ledger ledger.db',
      'writ audit export audit --out everything && writ audit verify everything --vkey audit.vkey',
    ].join('\n'),
  );
  stage.note(`\nThe policy repository, and the key that the cluster trusts:\n${clone}\n${key}`);
  stage.note('A change that lets limits-set only warn again; it is fetched within a minute, or at once if asked:');
  stage.commands(
    [
      `cd ${shellWord(clone)} && ${REPLACED}`,
      `writ sign policies/limits-set.yaml --key ${shellWord(key)} && git commit -am 'limits-set warns' && git push`,
      FETCHED,
    ].join('\n'),
  );
  stage.note(`\nMetrics: ${writ.webhook.endpoint}/metrics and ${writ.operator.endpoint}/metrics`);
};
