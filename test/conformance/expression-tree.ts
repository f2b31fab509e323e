// SPDX-License-Identifier: Apache-2.0
// Generated expressions as trees, so that a difference can be cut down to its smallest form.

/**
 * `$0`, `$1`… in the text stand for the children; `#0` and `#1` for the variables that a macro binds in all children but
 * its first (the range); `@` for the variable bound last, or for the first child where there is none.
 */
export type Tree = { readonly text: string; readonly children: readonly Tree[] };

export const leaf = (text: string): Tree => ({ text, children: [] });

const NAMES = ['v', 'w', 'x', 'y', 'z', 'p', 'q', 'r'];

export const render = (tree: Tree, scope: readonly string[] = []): string => {
  if (tree.text === '@') return scope.at(-1) ?? render(tree.children[0] ?? leaf('1'), scope);
  const bound = tree.text.includes('#1') ? 2 : tree.text.includes('#0') ? 1 : 0;
  const fresh = Array.from({ length: bound }, (_, index) => NAMES[(scope.length + index) % NAMES.length] ?? 'v');
  return tree.text.replaceAll(/[$#]\d/g, (mark) => {
    const index = Number(mark[1]);
    if (mark.startsWith('#')) return fresh[index] ?? 'v';
    const child = tree.children[index];
    return child === undefined ? mark : render(child, index === 0 ? scope : [...scope, ...fresh]);
  });
};

export const size = (tree: Tree): number => tree.children.reduce((sum, child) => sum + size(child), 1);

/** What a subtree may be replaced by when it is not the matter. */
const SIMPLE = ['1', "'a'", 'true', 'null', 'self.i', 'self.s', 'self.missing', '[1]', "{'a': 1}", '1.5', '2u'].map(leaf);

/** Every tree that is one step simpler, the boldest steps first. */
export const simpler = (tree: Tree): readonly Tree[] => {
  if (tree.children.length === 0) return size(tree) === 1 && tree.text.length > 12 ? SIMPLE : [];
  const found: Tree[] = [...tree.children, ...SIMPLE];
  for (const [index, child] of tree.children.entries())
    for (const smaller of simpler(child)) found.push({ text: tree.text, children: tree.children.with(index, smaller) });
  return found;
};
