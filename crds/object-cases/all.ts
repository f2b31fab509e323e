// SPDX-License-Identifier: Apache-2.0
import type { ObjectCase } from './case.ts';
import { gitSourceCases } from './git-source.ts';
import { licenseCases } from './license.ts';
import { policyCases } from './policy.ts';
import { rulesetCases } from './ruleset.ts';
import { tenantCases } from './tenant.ts';
import { tierCatalogCases } from './tier-catalog.ts';
import { trustPolicyCases } from './trust-policy.ts';

export const objectCases: readonly ObjectCase[] = [
  ...gitSourceCases,
  ...licenseCases,
  ...policyCases,
  ...rulesetCases,
  ...tierCatalogCases,
  ...trustPolicyCases,
  ...tenantCases,
];
