// SPDX-License-Identifier: Apache-2.0
// What is not in any figure: numbers that sources left out, and events that are kept aside until their tenant or meter is known.
import { missingOf, parseGaps } from '../../operator/usage/cursor.ts';
import { quarantined } from '../../operator/usage/quarantine.ts';
import { textOf } from '../../operator/usage/store.ts';
import type { Reader } from '../../operator/usage/store.ts';
import type { Terminal } from '../output.ts';
import { asProblem, openLedger } from './open-ledger.ts';

export type LooseEnds = {
  readonly missing: readonly { readonly tenant: string; readonly source: string; readonly events: number }[];
  readonly keptAside: readonly { readonly tenant: string; readonly meter: string; readonly events: number }[];
};

/** Of all months: when what is missing was used is not known. */
export const looseEnds = async (reader: Reader, tenant?: string): Promise<LooseEnds> => {
  const isAsked = (one: { readonly tenant: string }): boolean => tenant === undefined || one.tenant === tenant;
  const rows = await reader.all("SELECT tenant, source, gaps FROM usage_source WHERE gaps <> '' ORDER BY tenant, source");
  const missing = rows.map((row) => ({
    tenant: textOf(row, 'tenant'),
    source: textOf(row, 'source'),
    events: missingOf({ highest: 0, gaps: parseGaps(textOf(row, 'gaps')) ?? [] }),
  }));
  return { missing: missing.filter(isAsked), keptAside: (await quarantined(reader)).filter(isAsked) };
};

export const looseLines = ({ missing, keptAside }: LooseEnds): readonly string[] => [
  ...missing.map(({ tenant, source, events }) => `${tenant}  missing ${events} of ${source}`),
  ...keptAside.map(({ tenant, meter, events }) => `${tenant}  kept aside ${events} of ${meter}: its tenant or meter is unknown`),
];

/** What an invoice of the ledger's figures does not show; nothing where none of them come from a ledger. */
export const looseText = async (ledger: string | undefined, tenant: string, terminal: Terminal): Promise<string> => {
  if (ledger === undefined && terminal.env['WRIT_LEDGER'] === undefined) return '';
  const open = await openLedger(ledger, terminal);
  try {
    const lines = looseLines(await open.read((reader) => looseEnds(reader, tenant)));
    return lines.map((line) => `not in the figures: ${line}\n`).join('');
  } catch (error) {
    throw asProblem(open.location, error);
  } finally {
    await open.close();
  }
};
