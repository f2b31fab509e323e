// SPDX-License-Identifier: Apache-2.0
// What the drills share: an installation whose policy `pinned` is at version 2, an administrator of the cluster (a member of
// system:masters) who tries things with kubectl, and a witness who asks for a verdict all the while.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { bounded, policyText, tenantText } from '../scenario/documents.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation, InstallationOptions } from '../scenario/installation.ts';
import { sourceApplies } from '../scenario/told.ts';
import { breath, until } from '../scenario/until.ts';
import { podOf, verdictOf } from '../scenario/verdict.ts';
import { parseDocument } from '../../policies/document/index.ts';
import { seal } from '../../policies/trust/seal.ts';

export const pinnedAt = (version: number): string =>
  policyText({
    name: 'pinned',
    version,
    expression: 'workload.containers.all(c, !has(c.image) || c.image.contains("@sha256:"))',
    message: `pin every image, version ${version}`,
  });

export type Attempt = { readonly code: number; readonly said: string };

export type Drill = {
  readonly writ: Installation;
  /** What a pod with a tagged image is told. */
  verdict(): Promise<string>;
  /** As the administrator. */
  kubectl(args: readonly string[], input?: string): Promise<Attempt>;
  /** `kubectl edit` with an editor that runs this sed program over the object. */
  edit(what: readonly string[], program: string): Promise<Attempt>;
  /** Fails unless every answer given while it ran was the same one. */
  unshaken(deed: () => Promise<void>): Promise<void>;
};

/** A refusal that helps: a code, where, and a fix in parentheses. */
export const assertRefused = ({ code, said }: Attempt, problem: string, place: RegExp): void => {
  assert.notEqual(code, 0, said);
  assert.match(said, new RegExp(`${problem}: .*\\(.+\\)`, 's'), said);
  assert.match(said, place, said);
};

/** A sealed document as the object that carries it. */
export const sealedObject = (writ: Installation, document: string, kind = 'Policy', name = 'pinned'): string =>
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind,
    metadata: { name },
    spec: specOf(document),
    signature: { document, bundles: [seal(Buffer.from(document), writ.signer.privateKey)] },
  });

const specOf = (document: string): unknown => {
  const parsed = parseDocument(Buffer.from(document), 'drill.yaml');
  assert.ok(parsed.ok);
  return parsed.document.value['spec'];
};

export type DrillOptions = Pick<InstallationOptions, 'trust' | 'operatorFlags'> & {
  /** Beside those of every drill. */ readonly documents?: InstallationOptions['documents'];
};

export const startDrill = async ({ documents, ...options }: DrillOptions = {}): Promise<Drill> => {
  const writ = await installWrit({
    ...options,
    documents: {
      'policies/pinned.yaml': pinnedAt(1),
      'policies/bounded.yaml': bounded,
      'tenants/acme.yaml': tenantText('acme', ['acme-prod']),
      ...documents,
    },
    controlPlane: { controllerManager: false },
    interval: '2s',
  });
  const verdict = (): Promise<string> => verdictOf(writ.client, podOf({ namespace: 'acme-prod', image: 'agent:latest' }));
  try {
    await sourceApplies(writ.client, await writ.push({ 'policies/pinned.yaml': pinnedAt(2) }));
    await until(async () => (await verdict()).includes('version 2'), { what: 'version 2 to be enforced' });
  } catch (error) {
    await writ.stop();
    throw error;
  }
  const kubectl = async (args: readonly string[], input?: string): Promise<Attempt> => {
    const { code, stdout, stderr } = await writ.plane.kubectl(args, input === undefined ? {} : { input });
    return { code, said: `${stdout}${stderr}` };
  };
  return {
    writ,
    verdict,
    kubectl,
    edit: async (what, program) => {
      const { KUBECONFIG: _, ...env } = process.env;
      const child = spawn(writ.plane.kubectlPath, ['edit', ...what], { env: { ...env, KUBE_EDITOR: `sed -i '${program}'` } });
      const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
      return { code: typeof code === 'number' ? code : 1, said: `${stdout}${stderr}` };
    },
    unshaken: async (deed) => {
      const first = await verdict();
      const others = new Set<string>();
      const stopping = new AbortController();
      let asked = 0;
      const witness = (async () => {
        for (let isLast = false; !isLast; await breath()) {
          isLast = stopping.signal.aborted && asked >= 2;
          const now = await verdict();
          asked += 1;
          if (now !== first) others.add(now);
        }
      })();
      try {
        await deed();
      } finally {
        stopping.abort();
        await witness;
      }
      assert.match(first, /pinned \(Invalid\)/);
      assert.deepEqual([...others], []);
    },
  };
};
