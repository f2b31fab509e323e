// SPDX-License-Identifier: Apache-2.0
// The page of the attack suite: each attack that is tried on the gate of policies, and the code that refuses it.
import { code, page, plain, table } from './markdown.ts';

type Attack = { readonly name: string; readonly code: string };
type Control = { readonly name: string };

export const attacksPage = (attacks: readonly Attack[], controls: readonly Control[]): string =>
  page('Attacks', '`test/custody/attacks.ts`', [
    `${attacks.length} attempts to have an order enforced that nobody gave, tried on all that stands between an object of the API server and ` +
      'the enforced set, and what refuses them (`make test FILES=test/custody/attacks.test.ts`). [security.md](../security.md) has the moves of ' +
      'those who speak to a running cluster.',
    table(
      ['Attack', 'Refused by'],
      attacks.map((attack) => [plain(attack.name), code(attack.code)]),
    ),
    '## Controls',
    'A gate that refuses everything would pass as well, so these must be accepted:',
    controls.map(({ name }) => `- ${plain(name)}`).join('\n'),
  ]);
