// SPDX-License-Identifier: Apache-2.0
// Writes the generated files of this folder.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { monitoringFiles } from './index.ts';

for (const [name, text] of Object.entries(monitoringFiles)) writeFileSync(fileURLToPath(new URL(name, import.meta.url)), text);
