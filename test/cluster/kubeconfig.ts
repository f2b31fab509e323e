// SPDX-License-Identifier: Apache-2.0
// A kubeconfig file for one cluster and one user.
import { writeFile } from 'node:fs/promises';
import type { KeyAndCertificate } from './certificates.ts';

export type Credential =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'certificate'; readonly certificate: KeyAndCertificate };

type KubeconfigContent = {
  readonly path: string;
  readonly url: string;
  /** The certificate authority's PEM in base64, as a kubeconfig holds it. */
  readonly caData: string;
  readonly user: string;
  readonly credential: Credential;
};

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Writes the file, readable by its owner only; values are quoted as JSON, which YAML 1.2 contains. */
export const writeKubeconfig = async (content: KubeconfigContent): Promise<string> => {
  const { credential } = content;
  const secret =
    credential.kind === 'token'
      ? [`    token: ${JSON.stringify(credential.token)}`]
      : [
          `    client-certificate-data: ${base64(credential.certificate.certificatePem)}`,
          `    client-key-data: ${base64(credential.certificate.keyPem)}`,
        ];
  const lines = [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    '- name: writ-test',
    '  cluster:',
    `    server: ${JSON.stringify(content.url)}`,
    `    certificate-authority-data: ${content.caData}`,
    'users:',
    `- name: ${JSON.stringify(content.user)}`,
    '  user:',
    ...secret,
    'contexts:',
    '- name: writ-test',
    '  context:',
    '    cluster: writ-test',
    `    user: ${JSON.stringify(content.user)}`,
    '    namespace: default',
    'current-context: writ-test',
    '',
  ];
  await writeFile(content.path, lines.join('\n'), { mode: 0o600 });
  return content.path;
};
