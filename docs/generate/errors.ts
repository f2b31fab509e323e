// SPDX-License-Identifier: Apache-2.0
// The page of every code that a user can meet.
import { code, page, plain, table } from './markdown.ts';

type Catalogue = Readonly<Record<string, { readonly summary: string; readonly fix: string }>>;

export const errorsPage = (catalogue: Catalogue): string => {
  const groups = Map.groupBy(Object.keys(catalogue).toSorted(), (name) => name.split('_')[0] ?? name);
  const sections = [...groups].flatMap(([group, names]) => [
    `## ${group}`,
    table(
      ['Code', 'What it means', 'What to do'],
      names.map((name) => [code(name), plain(catalogue[name]?.summary ?? ''), plain(catalogue[name]?.fix ?? '')]),
    ),
  ]);
  return page('Error codes', '`policies/problem-codes/`', [
    'A refusal always has one of these codes, in a condition, an event, a log line, an answer to the API server or on the command line. ' +
      'Where there is a place, it stands before the code as `file:line:column`, or after it as the path of a field.',
    ...sections,
  ]);
};
