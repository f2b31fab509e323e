// SPDX-License-Identifier: Apache-2.0
// Problems as SARIF 2.1.0 (OASIS), which code scanning services of forges read.
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Problem } from '../policies/problem.ts';
import { problemCodes } from '../policies/problem-codes/index.ts';
import { VERSION } from './version-number.ts';

export type SarifFindings = { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };

const uriOf = (file: string): string =>
  isAbsolute(file) ? pathToFileURL(file).href : file.split(/[\\/]/).map(encodeURIComponent).join('/');

const result = (problem: Problem, level: 'error' | 'warning', rules: readonly string[]): object => ({
  ruleId: problem.code,
  ruleIndex: rules.indexOf(problem.code),
  level,
  message: {
    text: `${problem.path === undefined ? '' : `${problem.path}: `}${problem.message} (${problem.hint ?? problemCodes[problem.code].fix})`,
  },
  ...(problem.at === undefined
    ? {}
    : {
        locations: [
          {
            physicalLocation: {
              artifactLocation: { uri: uriOf(problem.at.file) },
              region: { startLine: problem.at.line, startColumn: problem.at.column },
            },
          },
        ],
      }),
});

export const sarifLog = ({ problems, warnings }: SarifFindings): object => {
  const codes = [...new Set([...problems, ...warnings].map(({ code }) => code))].toSorted();
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'writ',
            version: VERSION,
            rules: codes.map((code) => ({
              id: code,
              shortDescription: { text: problemCodes[code].summary },
              help: { text: problemCodes[code].fix },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: [
          ...problems.map((problem) => result(problem, 'error', codes)),
          ...warnings.map((problem) => result(problem, 'warning', codes)),
        ],
      },
    ],
  };
};
