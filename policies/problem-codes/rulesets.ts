// SPDX-License-Identifier: Apache-2.0
// What is wrong with a ruleset.
import type { ProblemCodes } from './entry.ts';

export const rulesetsCodes = {
  RULESET_MEMBER_MISSING: {
    summary: 'A file that the ruleset names is not there.',
    fix: 'bring the file of this release back; to drop it, take it out of the ruleset, raise spec.version and sign again',
  },
  RULESET_MEMBER_DIGEST: {
    summary: 'A member is not the file that the ruleset seals: it was changed, or is of another release.',
    fix: 'bring back the file of this release, or write the new digests with `writ pin`, raise spec.version and sign again',
  },
  RULESET_MEMBER_EXTRA: {
    summary: 'A file lies among the members of a ruleset that does not name it.',
    fix: 'name it in spec.policies and write its digest with `writ pin`, or remove the file',
  },
  RULESET_MEMBER_DUPLICATE: { summary: 'A ruleset holds one member twice.', fix: 'keep one of the two' },
  RULESET_MEMBER_KIND: { summary: 'A member of a ruleset is no Policy.', fix: 'put documents of other kinds into their own folders' },
  RULESET_MEMBER_FIELD: {
    summary: "A member says what is the ruleset's to say.",
    fix: 'take the field out of the member; where it is meant for the whole release, set it in the ruleset',
  },
  RULESET_MEMBER_PARAMS: {
    summary: 'The settings that a ruleset gives to a member do not fit the policy.',
    fix: 'correct params of the member; spec.params of the policy says what it takes',
  },
  RULESET_TOO_LARGE: { summary: 'A ruleset and its members are too large for one object.', fix: 'split it into several rulesets' },
  RULESET_REQUIRES_MISSING: {
    summary: 'A ruleset requires another one that is not there.',
    fix: 'install the ruleset named, in the same commit or before',
  },
  RULESET_REQUIRES_RELEASE: {
    summary: 'A ruleset requires another release of a ruleset than the one that is there.',
    fix: 'install a release within the range, in the same commit or before',
  },
  RULESET_REQUIRES_RANGE: { summary: 'What a ruleset requires is no range of releases.', fix: 'write a range such as ">=1.2.0" or "^1.4"' },
  RULESET_REQUIRES_CYCLE: {
    summary: 'Rulesets require each other in a circle.',
    fix: 'take one of the requirements out; what both need belongs into a third ruleset',
  },
  RULESET_REQUIRES_CONFLICT: {
    summary: 'Two rulesets require releases of a third that no release can be at once.',
    fix: 'install releases of the two that agree, or one of them only',
  },
  RULESET_NOT_INSTALLED: {
    summary: 'A tenant subscribes to a ruleset that is not there.',
    fix: 'install the ruleset, or take the subscription out of the Tenant',
  },
  RULESET_RELEASE_UNFIT: {
    summary: 'A tenant subscribes to another release of a ruleset than the one that binds it.',
    fix: 'change the range in spec.rulesets of the Tenant, or install a release within it',
  },
} as const satisfies ProblemCodes;
