/**
 * Loaded into a command with `--import`: kills its process, as `kill -9` does, at the unit of work that KILL_AT names as `<n> <moment>`, counted
 * from the start of the process. Moment `before`: the unit is written under its temporary name; `after`: it has its own.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [unit, moment] = process.env.KILL_AT.split(' ');
const { rename } = fs.promises;
let units = 0;

fs.promises.rename = async (from, to) => {
  const isDue = /\/units\/\d+\.json$/.test(String(to)) && ++units === Number(unit);
  if (isDue && moment === 'before') process.kill(process.pid, 'SIGKILL');
  await rename(from, to);
  if (isDue) process.kill(process.pid, 'SIGKILL');
};
syncBuiltinESMExports();
