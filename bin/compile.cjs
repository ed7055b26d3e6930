// Compiles the sources of a checkout, file by file, into .build, as far as they changed since they were last compiled.
const fs = require('node:fs');
const path = require('node:path');

/** A compiled file has the time of its source, so that whatever changes the source shows, an older version too. */
function isStale({ source, compiled }) {
  const found = fs.statSync(compiled, { throwIfNoEntry: false });
  return found === undefined || Math.abs(found.mtimeMs - fs.statSync(source).mtimeMs) >= 1;
}

/** Relative imports stay imports, of compiled files. */
const relativeImports = {
  name: 'relative-imports',
  setup(build) {
    build.onResolve({ filter: /^\.{1,2}\// }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: path.replace(/\.ts$/, '.js'), external: true },
    );
  },
};

/** @returns the folder of the compiled files */
async function compileSources(root) {
  const sources = path.join(root, 'src');
  const folder = path.join(root, '.build');
  const stale = fs
    .readdirSync(sources, { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({
      source: path.join(sources, file),
      compiled: path.join(folder, file.replace(/ts$/, 'js')),
    }))
    .filter(isStale);
  if (stale.length === 0) return folder;
  // The time is read before the text: a change in between is seen at the next start.
  const times = new Map(stale.map(({ source, compiled }) => [compiled, fs.statSync(source).mtime]));
  const { outputFiles } = await require('esbuild').build({
    entryPoints: stale.map(({ source }) => source),
    outbase: sources,
    outdir: folder,
    bundle: true,
    packages: 'external',
    plugins: [relativeImports],
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: 'inline',
    sourcesContent: false,
    write: false,
    logLevel: 'silent',
  });
  for (const { path: file, contents } of outputFiles) {
    // Another process may compile the same file now; each renames a whole one.
    const partial = `${file}.${process.pid}`;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(partial, contents);
    fs.utimesSync(partial, times.get(file), times.get(file));
    fs.renameSync(partial, file);
  }
  return folder;
}

module.exports = { compileSources };
