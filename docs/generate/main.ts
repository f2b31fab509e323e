// SPDX-License-Identifier: Apache-2.0
// Writes docs/reference.
import { mkdirSync, writeFileSync } from 'node:fs';
import { referencePages } from './index.ts';

const root = new URL('../../', import.meta.url);
mkdirSync(new URL('docs/reference/', root), { recursive: true });
for (const [path, text] of Object.entries(referencePages())) writeFileSync(new URL(path, root), text);
