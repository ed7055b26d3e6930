#!/usr/bin/env node
// `train …` is `largekernel train …`.
import { register } from 'tsx/esm/api';
register();
const { main } = await import('../src/cli/main.ts');
await main(['train', ...process.argv.slice(2)]);
