// SPDX-License-Identifier: Apache-2.0

const LONGEST = 120;

/** A name from outside as it may stand in a message: quoted, control characters escaped, short. */
export const shown = (name: string): string => JSON.stringify(name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name);
