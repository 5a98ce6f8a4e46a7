import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Which Debian has which; 2.9.10 is also the oldest that Signoff supports. */
const NATS_SUITES = ['bookworm', 'trixie', 'forky'];

/**
 * nats-servers of several Debians, unpacked into a folder of their own with the package manager's own means: nothing
 * that is installed changes. What cannot be had is left out, and said.
 */
export async function fetchNatsServers(say) {
  const folder = await mkdtemp(join(tmpdir(), 'signoff-nats-servers-'));
  const servers = [];
  for (const suite of NATS_SUITES) {
    try {
      const binary = await fetchNatsServer(suite, join(folder, suite));
      const { stdout } = await run(binary, ['--version']);
      servers.push({ name: `nats-server ${stdout.match(/\d+\.\d+\.\d+/)[0]}`, binary });
    } catch (error) {
      say(`no nats-server of ${suite}: ${error.stderr || error.message}`);
    }
  }
  return { servers, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function fetchNatsServer(suite, folder) {
  const lists = join(folder, 'lists');
  const sources = join(folder, 'sources.list');
  await mkdir(join(lists, 'partial'), { recursive: true });
  const { stdout } = await run('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI)',
    'Created-By: Packages',
    'Origin: Debian',
  ]);
  const [mirror] = stdout.split('\n');
  if (!mirror) throw new Error('apt-get knows no source of Debian');
  await writeFile(
    sources,
    `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} ${suite} main\n`,
  );
  const settings = [
    `Dir::Etc::SourceList=${sources}`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::Lists=${lists}`,
    'Acquire::Check-Valid-Until=false',
    'APT::Sandbox::User=root',
  ];
  const options = settings.flatMap((setting) => ['-o', setting]);
  await run('apt-get', [...options, 'update'], { cwd: folder });
  await run('apt-get', [...options, 'download', 'nats-server'], { cwd: folder });
  const [archive] = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
  await run('dpkg', ['-x', archive, 'unpacked'], { cwd: folder });
  return join(folder, 'unpacked/usr/sbin/nats-server');
}

/** The one of the npm package, and Debian's where it is installed. */
export async function findPostgresVersions(say) {
  const debian = '/usr/lib/postgresql/15/bin';
  const versions = [{ name: 'PostgreSQL 18', binDir: '' }];
  try {
    await access(join(debian, 'postgres'));
    versions.push({ name: 'PostgreSQL 15', binDir: debian });
  } catch {
    say('no PostgreSQL 15: install the package postgresql-15');
  }
  return versions;
}
