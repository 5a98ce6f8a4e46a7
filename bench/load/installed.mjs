import { spawnSync } from 'node:child_process';

const has = (command) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', command]).status === 0;

/** Throws, and says what to do, where a program is missing and cannot be installed from Debian's packages. */
export function requireInstalled(command, debianPackage = command) {
  if (has(command)) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', SYSTEMD_OFFLINE: '1' };
  const aptGet = (...args) =>
    spawnSync('apt-get', ['-y', '-o', 'DPkg::Lock::Timeout=100', ...args], { env, encoding: 'utf8' });
  if (process.getuid() === 0) {
    aptGet('update');
    const { stderr } = aptGet('install', '--no-install-recommends', debianPackage);
    if (has(command)) return;
    console.error(stderr);
  }
  throw new Error(`${command} is needed: apt-get install ${debianPackage}`);
}
