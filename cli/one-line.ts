// SPDX-License-Identifier: Apache-2.0
// What somebody wrote, as it may stand in a table on a terminal: in one line, with nothing that moves or erases what stands beside it.

const escape = (sign: string): string => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`;

export const oneLine = (text: string): string => text.trim().replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, escape);
