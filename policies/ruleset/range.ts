// SPDX-License-Identifier: Apache-2.0
// Releases and ranges of them, as npm writes them. What cannot be read fits nothing.
import semver from 'semver';

/** A range is shorter than this by schema; a longer one is not worth the reading. */
const MAX_LENGTH = 128;

export const isRange = (range: string): boolean => range.length <= MAX_LENGTH && semver.validRange(range) !== null;

/** Without a range any release will do, one without a number too. */
export const fitsRange = (release: string | undefined, range: string | undefined): boolean => {
  if (range === undefined) return true;
  return release !== undefined && isRange(range) && semver.satisfies(release, range);
};

/** Whether a release could fit both; ranges that cannot be read are not at odds with anything. */
export const rangesMeet = (one: string | undefined, other: string | undefined): boolean =>
  one === undefined || other === undefined || !isRange(one) || !isRange(other) || semver.intersects(one, other);
