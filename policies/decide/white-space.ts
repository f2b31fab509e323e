// SPDX-License-Identifier: Apache-2.0

/** Unicode's White_Space, which has U+0085 and not U+FEFF, unlike JavaScript's. */
const SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** What Kubernetes takes off the ends of messages. By hand: a regex that looks for trailing space tries at every space of the text. */
export const trimSpace = (text: string): string => {
  let [start, end] = [0, text.length];
  while (start < end && SPACE.test(text.charAt(start))) start += 1;
  while (end > start && SPACE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
};
