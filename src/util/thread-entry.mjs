// Worker threads start from plain JavaScript; this makes the TypeScript sources importable in one.
import { register } from 'tsx/esm/api';
import { workerData } from 'node:worker_threads';
register();
await import(workerData.module);
