// SPDX-License-Identifier: Apache-2.0
// A reporter of node:test beside the one that shows each test: one closing line for people and machines in a hurry.

type Event = {
  readonly type: string;
  readonly data?: {
    readonly counts?: { readonly passed?: number; readonly failed?: number; readonly cancelled?: number };
    readonly file?: string;
  };
};

// oxlint-disable-next-line import/no-default-export -- node:test takes a reporter by its default export
export default async function* summary(events: AsyncIterable<Event>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    // The summary without a file is that of the whole run.
    if (type !== 'test:summary' || data?.file !== undefined) continue;
    const { passed = 0, failed = 0, cancelled = 0 } = data?.counts ?? {};
    yield `${passed} passed, ${failed + cancelled} failed\n`;
  }
}
