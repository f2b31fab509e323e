// SPDX-License-Identifier: Apache-2.0
// What a page points at is there: the file, and the heading that is named in it. And a page can be read in a terminal.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ROOMS = '{cli,crds,deploy,docs,kube,operator,policies,process,test,webhook}';
const pages = globSync(['*.md', `${ROOMS}/**/*.md`], { cwd: root }).toSorted();
const WIDEST = 160;

/** Without what is shown as code. */
const proseOf = (page: string): string => readFileSync(join(root, page), 'utf8').replaceAll(/^\s*```[\s\S]*?^\s*```/gm, '');

const slugOf = (heading: string): string =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const anchorsOf = (page: string): ReadonlySet<string> =>
  new Set([...proseOf(page).matchAll(/^#+ +(.+?) *$/gm)].map(([, heading = '']) => slugOf(heading)));

const linksOf = (page: string): readonly string[] =>
  [...proseOf(page).replaceAll(/`[^`\n]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);

describe('pages', () => {
  it('point at files and headings that are there', () => {
    let seen = 0;
    const lost = pages.flatMap((page) =>
      linksOf(page).filter((link) => {
        if (/^[a-z]+:/.test(link)) return false;
        seen += 1;
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : normalize(join(dirname(page), path));
        if (!existsSync(join(root, target))) return true;
        return anchor !== undefined && !anchorsOf(target).has(anchor);
      }).map((link) => `${page}: ${link}`),
    );
    assert.ok(seen > 80, String(seen));
    assert.deepEqual(lost, []);
  });

  it('have lines that a terminal can show, but for tables', () => {
    const long = pages
      .filter((page) => !page.startsWith('docs/reference/'))
      .flatMap((page) =>
        proseOf(page)
          .split('\n')
          .filter((line) => line.length > WIDEST && !line.startsWith('|'))
          .map((line) => `${page}: ${line.slice(0, 60)}…`),
      );
    assert.deepEqual(long, []);
  });
});
