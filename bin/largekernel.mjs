#!/usr/bin/env node
// Runs the TypeScript sources as they are: no build step.
import { register } from 'tsx/esm/api';
register();
const { main } = await import('../src/cli/main.ts');
await main(process.argv.slice(2));
