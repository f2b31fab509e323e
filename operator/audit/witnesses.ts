// SPDX-License-Identifier: Apache-2.0
// Asks witnesses to cosign checkpoints of the root log (c2sp.org/tlog-witness). A witness that cannot be reached does not stop
// the log; one that says that it was shown another history is told of.
import { Buffer } from 'node:buffer';
import type { Problem } from '../../policies/problem.ts';
import { readCheckpoint } from '../../policies/transparency/checkpoint.ts';
import { checkNote, readSignatures, readVerifierKey, signText, writeNote } from '../../policies/transparency/note.ts';
import type { NoteSignature, NoteSigner, VerifierKey } from '../../policies/transparency/note.ts';
import { consistencyFrom } from '../../policies/transparency/proofs.ts';
import { nodesInTiles, tilePath } from '../../policies/transparency/tiles.ts';
import { writeAddCheckpoint } from '../../policies/transparency/witness.ts';
import type { LogFolder } from './log-folder.ts';

export type Witness = { readonly url: string; readonly key: VerifierKey };

/** `VKEY URL`, as the flag has it; undefined for any other text. */
export const readWitness = (text: string): Witness | undefined => {
  const [vkey = '', url = '', ...rest] = text.trim().split(/\s+/);
  const key = readVerifierKey(vkey);
  if (key?.kind !== 'cosignature' || rest.length > 0 || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) return undefined;
  return { url, key };
};

type Asked = { readonly text: string; readonly size: number };

const TIMEOUT_MS = 5000;
const MAX_ANSWER = 20_000;

/** Sizes that witnesses cosigned last, as far as this process knows. */
type Known = Map<string, number>;

export const createWitnesses = (options: {
  readonly witnesses: readonly Witness[];
  readonly files: LogFolder;
  readonly signer: NoteSigner;
  readonly signal: AbortSignal;
  readonly onProblem: (problem: Problem) => void;
}): ((text: string) => Promise<readonly NoteSignature[]>) => {
  const { witnesses, files, signer, signal, onProblem } = options;
  const known: Known = new Map();

  const post = async (
    { url }: Witness,
    { text, size }: Asked,
    oldSize: number,
  ): Promise<{ readonly status: number; readonly body: string }> => {
    const nodes = nodesInTiles(size, (tile) => files.read(`root/${tilePath(tile)}`));
    const hashes = consistencyFrom(nodes, oldSize, size) ?? [];
    const note = writeNote({ text, signatures: [signText(text, signer)] });
    const response = await fetch(new URL('add-checkpoint', url.endsWith('/') ? url : `${url}/`), {
      method: 'POST',
      body: writeAddCheckpoint({ oldSize, hashes, note: Buffer.from(note) }),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    return { status: response.status, body: (await response.text()).slice(0, MAX_ANSWER) };
  };

  const ask = async (witness: Witness, asked: Asked): Promise<readonly NoteSignature[]> => {
    const { key } = witness;
    let answer = await post(witness, asked, Math.min(known.get(key.text) ?? 0, asked.size));
    const told = Number(answer.body.trim());
    if (answer.status === 409 && Number.isSafeInteger(told) && told >= 0 && told <= asked.size) answer = await post(witness, asked, told);
    const refused = (why: string): readonly NoteSignature[] => {
      onProblem({ code: 'AUDIT_WITNESS', message: `${key.name} ${why}` });
      return [];
    };
    if (answer.status === 409 && told > asked.size) return refused(`has cosigned ${told} entries, the root log has ${asked.size}`);
    if (answer.status === 422) return refused('was shown another history of the root log before');
    if (answer.status !== 200) return refused(`answers ${answer.status}`);
    const signatures = readSignatures(answer.body)?.filter(({ name, id }) => name === key.name && id === key.id) ?? [];
    if (checkNote({ text: asked.text, signatures }, [key]).good.length !== 1)
      return refused('answers with a cosignature that does not hold');
    known.set(key.text, asked.size);
    return signatures.slice(0, 1);
  };

  return async (text) => {
    const size = readCheckpoint(text)?.size;
    if (size === undefined) return [];
    const answers = await Promise.all(
      witnesses.map(async (witness) => {
        try {
          return await ask(witness, { text, size });
        } catch (error) {
          if (signal.aborted) return [];
          onProblem({
            code: 'AUDIT_WITNESS',
            message: `${witness.key.name} can not be asked: ${error instanceof Error ? error.message : 'no answer'}`,
          });
          return [];
        }
      }),
    );
    return answers.flat();
  };
};
