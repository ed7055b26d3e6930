// Worker threads start from plain JavaScript; this makes the TypeScript sources importable in one.
import { register } from 'tsx/esm/api';
register();
await import('./worker.ts');
