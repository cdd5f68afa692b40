import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { unavailable } from '@journey/runtime'

/** Whether we may install packages here: as root on Debian or one of its children. */
export const canInstall = (): boolean => process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')

/**
 * Installs one Debian package without starting or creating any server of the machine's own: services are forbidden to
 * start (`policy-rc.d`, exit 101), PostgreSQL makes no main cluster. One installation at a time on a machine; what was put in
 * place for it is taken away again.
 *
 * @throws unavailable `embedded/install_failed` with the last lines of apt
 */
export const installFromDebian = async (name: 'postgresql' | 'rabbitmq-server'): Promise<void> => {
  const { code, output } = await run('flock', ['/run/lock/journey-apt', 'sh', '-c', script, 'install', name])
  if (code !== 0)
    throw unavailable(
      'embedded/install_failed',
      `Debian's package ${name} could not be installed. Try it by hand (apt-get update && apt-get install ${name}). ` +
        `The last lines of apt:\n${output.trimEnd().split('\n').slice(-15).join('\n')}`,
    )
}

const script = `
set -e
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d
made=
trap 'rm -f $made' EXIT
if [ ! -e $policy ]; then
  made=$policy
  printf '#!/bin/sh\\nexit 101\\n' > $policy
  chmod 755 $policy
fi
if [ "$1" = postgresql ]; then
  made="$made $clusters/journey.conf"
  mkdir -p $clusters
  echo "create_main_cluster = false" > $clusters/journey.conf
fi
apt-get -q -o DPkg::Lock::Timeout=300 update || echo "going on with the package lists as they are"
apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$1"
if [ -d /run/systemd/system ]; then systemctl disable "$1" || true; fi
`

/** In a session of its own: Ctrl-C must not tear a half-done installation apart. */
const run = (command: string, args: readonly string[]): Promise<{ code: number; output: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        DEBIAN_FRONTEND: 'noninteractive',
        LANG: 'C.UTF-8',
      },
    })
    let output = ''
    const keep = (chunk: Buffer) => (output = (output + chunk.toString('utf8')).slice(-8_192))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, output }))
  })
