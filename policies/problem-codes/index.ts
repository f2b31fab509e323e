// SPDX-License-Identifier: Apache-2.0
/**
 * The catalogue of every code that a user can meet, a file for each field that codes speak of.
 *
 * docs/reference/errors.md is generated from it and a test holds the two equal, and holds each code used somewhere. Codes are
 * stable: rename none, add to the fitting file. Anyone may import this file; nobody the others.
 */
import { admissionCodes } from './admission.ts';
import { applyCodes } from './apply.ts';
import { auditCodes } from './audit.ts';
import { billingCodes } from './billing.ts';
import { commandLineCodes } from './command-line.ts';
import { demoCodes } from './demo.ts';
import { documentsCodes } from './documents.ts';
import { entitlementsCodes } from './entitlements.ts';
import { manifestCodes } from './manifest.ts';
import { operatorCodes } from './operator.ts';
import { policiesCodes } from './policies.ts';
import { receiptsCodes } from './receipts.ts';
import { rulesetsCodes } from './rulesets.ts';
import { sealsCodes } from './seals.ts';
import { serviceLevelsCodes } from './service-levels.ts';
import { sourceCodes } from './source.ts';
import { tenancyCodes } from './tenancy.ts';
import { tenantsCodes } from './tenants.ts';
import { trustCodes } from './trust.ts';
import { usageCodes } from './usage.ts';
import type { ProblemCodes } from './entry.ts';

export const problemCodes = {
  ...documentsCodes,
  ...admissionCodes,
  ...applyCodes,
  ...sourceCodes,
  ...manifestCodes,
  ...rulesetsCodes,
  ...policiesCodes,
  ...tenantsCodes,
  ...tenancyCodes,
  ...entitlementsCodes,
  ...operatorCodes,
  ...sealsCodes,
  ...trustCodes,
  ...receiptsCodes,
  ...auditCodes,
  ...billingCodes,
  ...commandLineCodes,
  ...demoCodes,
  ...usageCodes,
  ...serviceLevelsCodes,
} as const satisfies ProblemCodes;

export type ProblemCode = keyof typeof problemCodes;
