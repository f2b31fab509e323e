// SPDX-License-Identifier: Apache-2.0
/**
 * What a disk may hold when the power goes. In: steps of a recording. Out: files: all that was synced, and of what was done since any
 * part, in sectors. It promises no more than POSIX: the sync of a file keeps its bytes and not its name, that of a folder the names in it
 * and not their bytes; changes of names that have nothing to do with each other come through in any order.
 */
import { relative } from 'node:path';
import type { Step } from './recording.ts';

type Change = { readonly offset: number; readonly bytes: Buffer } | { readonly size: number };
/** Done whole or not at all: what each name stands for from then on. */
type Renaming = readonly (readonly [name: string, node: Node | undefined])[];
type File = { readonly kind: 'file'; synced: Buffer; pending: Change[]; begun: number };
type Folder = { readonly kind: 'folder'; synced: Map<string, Node>; pending: Renaming[]; begun: number };
type Node = File | Folder;

export type Loss = {
  /** From 0 to 1. */
  readonly random: () => number;
  /** How likely it is of each sector, and of each change of a name, that it is there though nobody synced it. */
  readonly keep: number;
  readonly sectorBytes: number;
};

export type Disk = {
  apply(step: Step): void;
  /** By path below the root. */
  after(loss: Loss): ReadonlyMap<string, Buffer>;
  /** As the process sees it, whether it is synced or not. */
  read(path: string): Buffer | undefined;
};

const newFile = (): File => ({ kind: 'file', synced: Buffer.alloc(0), pending: [], begun: 0 });
const newFolder = (): Folder => ({ kind: 'folder', synced: new Map(), pending: [], begun: 0 });

const written = (base: Buffer, changes: readonly Change[]): Buffer => {
  let all = Buffer.from(base);
  const grow = (size: number): void => {
    if (size > all.length) all = Buffer.concat([all, Buffer.alloc(size - all.length)]);
  };
  for (const change of changes) {
    if ('size' in change) {
      grow(change.size);
      all = all.subarray(0, change.size);
    } else {
      grow(change.offset + change.bytes.length);
      change.bytes.copy(all, change.offset);
    }
  }
  return all;
};

/** The sectors of a change that came through. */
const survivors = (change: Change, { random, keep, sectorBytes }: Loss): readonly Change[] => {
  if ('size' in change) return random() < keep ? [change] : [];
  const { offset, bytes } = change;
  const left: Change[] = [];
  for (let at = offset; at < offset + bytes.length;) {
    const end = Math.min(offset + bytes.length, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
    if (random() < keep) left.push({ offset: at, bytes: bytes.subarray(at - offset, end - offset) });
    at = end;
  }
  return left;
};

const renamed = (base: ReadonlyMap<string, Node>, changes: readonly Renaming[]): Map<string, Node> => {
  const names = new Map(base);
  for (const [name, node] of changes.flat()) {
    if (node === undefined) names.delete(name);
    else names.set(name, node);
  }
  return names;
};

/** Of one name in their order: what hangs on a change that did not come through does not come through either. */
const survivingNames = (changes: readonly Renaming[], { random, keep }: Loss): readonly Renaming[] => {
  const stuck = new Set<string>();
  return changes.filter((change) => {
    const comes = random() < keep && change.every(([name]) => !stuck.has(name));
    if (!comes) for (const [name] of change) stuck.add(name);
    return comes;
  });
};

/** `lies`: of these paths a sync is answered at once and nothing is kept by it, as if the program had not asked. */
export const createDisk = (root: string, lies: (path: string) => boolean = () => false): Disk => {
  const top = newFolder();
  const namesOf = (path: string): readonly string[] =>
    relative(root, path)
      .split('/')
      .filter((name) => name !== '');
  const childOf = (folder: Node | undefined, name: string): Node | undefined =>
    folder?.kind === 'folder' ? renamed(folder.synced, folder.pending).get(name) : undefined;
  const find = (names: readonly string[]): Node | undefined => names.reduce<Node | undefined>(childOf, top);
  const parentOf = (path: string): { readonly folder: Folder; readonly name: string } => {
    const names = namesOf(path);
    const folder = find(names.slice(0, -1));
    const name = names.at(-1);
    if (folder?.kind !== 'folder' || name === undefined) throw new Error(`${path} is in no folder`);
    return { folder, name };
  };
  const fileAt = (path: string): File => {
    const node = find(namesOf(path));
    if (node?.kind !== 'file') throw new Error(`${path} is no file`);
    return node;
  };
  const put = (path: string, node: Node | undefined): void => {
    const { folder, name } = parentOf(path);
    folder.pending.push([[name, node]]);
  };

  const sync = (node: Node): void => {
    if (node.kind === 'file') node.synced = written(node.synced, node.pending.splice(0, node.begun));
    else node.synced = renamed(node.synced, node.pending.splice(0, node.begun));
  };
  const rename = (path: string, to: string): void => {
    const [before, after] = [parentOf(path), parentOf(to)];
    if (before.folder !== after.folder) throw new Error(`${path} went to another folder`);
    before.folder.pending.push([
      [before.name, undefined],
      [after.name, find(namesOf(path))],
    ]);
  };

  const apply = (step: Step): void => {
    if (step.kind === 'said') return;
    const { path } = step;
    if (step.kind === 'opened') {
      if (find(namesOf(path)) === undefined && step.create) put(path, newFile());
      if (step.truncate) fileAt(path).pending.push({ size: 0 });
    } else if (step.kind === 'folder') put(path, newFolder());
    else if (step.kind === 'removed') put(path, undefined);
    else if (step.kind === 'renamed') rename(path, step.to);
    else if (step.kind === 'written') fileAt(path).pending.push(step);
    else if (step.kind === 'sized') fileAt(path).pending.push({ size: step.size });
    else {
      const node = find(namesOf(path));
      if (node === undefined) throw new Error(`${path} was synced and is not there`);
      if (step.kind === 'sync-begun') node.begun = node.pending.length;
      else if (!lies(path)) sync(node);
    }
  };

  const after = (loss: Loss): ReadonlyMap<string, Buffer> => {
    const files = new Map<string, Buffer>();
    const walk = (folder: Folder, prefix: string): void => {
      for (const [name, node] of renamed(folder.synced, survivingNames(folder.pending, loss))) {
        const path = `${prefix}${name}`;
        if (node.kind === 'folder') walk(node, `${path}/`);
        else
          files.set(
            path,
            written(
              node.synced,
              node.pending.flatMap((change) => survivors(change, loss)),
            ),
          );
      }
    };
    walk(top, '');
    return files;
  };

  return {
    apply,
    after,
    read: (path) => {
      const node = find(namesOf(path));
      return node?.kind === 'file' ? written(node.synced, node.pending) : undefined;
    },
  };
};
