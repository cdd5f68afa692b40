import { chownSync, existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { unavailable, type Log } from '@journey/runtime'
import { canInstall, installFromDebian } from '../debian/install.js'
import { serverHome, type Home } from '../state/home.js'
import { secretOf } from '../state/secret.js'
import { createProcess, type SupervisedProcess } from '../supervisor/process.js'
import { until } from '../supervisor/until.js'
import { configuration, enabledPlugins, environment, user, type BrokerPorts } from './settings.js'

/** User and password of the broker of a state folder, as they stand in a URL. */
export const loginOf = (stateDir: string): string => `${user}:${secretOf(stateDir, 'rabbitmq')}`

export const managementUrlOf = (stateDir: string, { management }: BrokerPorts): string =>
  `http://${loginOf(stateDir)}@127.0.0.1:${management}`

/**
 * One node of RabbitMQ, with its files in a home of its own. Ready when it greets on the AMQP port and its management API knows our
 * user.
 */
export const nodeProcess = (options: {
  stateDir: string
  /** Of the process and its home. */
  name: string
  ports: BrokerPorts
  /** Its name among Erlang's nodes, without the host. */
  nodeName: string
  /** Lines of `rabbitmq.conf` beyond those of every node. */
  settings?: Readonly<Record<string, string | number>>
  /** Shared by the nodes of a cluster; a node that stands alone makes its own. */
  cookie?: string
  readyLimitMs?: number
  log: Log
}): SupervisedProcess => {
  const { stateDir, name, ports, nodeName, settings = {}, cookie, readyLimitMs, log } = options
  const home = serverHome(stateDir, name, ['rabbitmq'])
  writeOwned(home, 'rabbitmq.conf', configuration(ports, secretOf(stateDir, 'rabbitmq'), settings))
  writeOwned(home, 'enabled_plugins', enabledPlugins)
  if (cookie !== undefined && !existsSync(join(home.folder, '.erlang.cookie')))
    writeOwned(home, '.erlang.cookie', cookie, 0o400)
  return createProcess({
    env: environment(home.folder, ports, nodeName),
    cwd: home.folder,
    account: home.account,
    stateDir,
    log,
    name,
    command: join(scripts, 'rabbitmq-server'),
    args: [],
    ready: async (signal) => {
      await until(() => knock(ports.amqp, 'AMQP\0\0\x09\x01'), signal, 100)
      await until(() => whoAmI(managementUrlOf(stateDir, ports)), signal, 100)
    },
    startAttempts: 3,
    ...(readyLimitMs === undefined ? {} : { readyLimitMs }),
  })
}

/** Erlang's name server, for the nodes of one state folder alone. */
export const epmdProcess = ({
  stateDir,
  home,
  port,
  env,
  log,
}: {
  stateDir: string
  home: Home
  port: number
  env: Readonly<Record<string, string | undefined>>
  log: Log
}): SupervisedProcess =>
  createProcess({
    env,
    cwd: home.folder,
    account: home.account,
    stateDir,
    log,
    name: 'epmd',
    command: 'epmd',
    args: ['-address', '127.0.0.1', '-port', String(port)],
    ready: (signal) => until(() => knock(port), signal),
  })

/** The real scripts: those in /usr/sbin are wrappers that change the user and the folder. */
const scripts = '/usr/lib/rabbitmq/bin'

/** @throws unavailable `embedded/rabbitmq_missing`, `embedded/install_failed` */
export const ensureInstalled = async (note: (text: string) => void): Promise<void> => {
  const isInstalled = (): boolean => existsSync(join(scripts, 'rabbitmq-server'))
  if (isInstalled()) return
  if (canInstall()) {
    note('installing RabbitMQ from Debian')
    await installFromDebian('rabbitmq-server')
    if (isInstalled()) return
  }
  throw unavailable(
    'embedded/rabbitmq_missing',
    `RabbitMQ was not found (${scripts}). Install it (Debian: sudo apt-get install rabbitmq-server), or start one with ` +
      'docker compose up -d rabbitmq and name it with RABBITMQ_URL and RABBITMQ_MANAGEMENT_URL.',
  )
}

const writeOwned = ({ folder, account }: Home, name: string, text: string, mode = 0o600): void => {
  const file = join(folder, name)
  writeFileSync(file, text, { mode })
  if (account) chownSync(file, account.uid, account.gid)
}

/** Connects; with a greeting, resolves only when something answers it. */
const knock = (port: number, greeting?: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 2_000 })
    const settle = (done: () => void) => () => {
      socket.destroy()
      done()
    }
    socket.once('connect', greeting === undefined ? settle(resolve) : () => socket.write(greeting, 'latin1'))
    socket.once('data', settle(resolve))
    for (const event of ['error', 'timeout', 'close'])
      socket.once(
        event,
        settle(() => reject(new Error(`no answer on port ${port}`))),
      )
  })

const whoAmI = async (managementUrl: string): Promise<void> => {
  const { username, password, origin } = new URL(managementUrl)
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const response = await fetch(`${origin}/api/whoami`, {
    headers: { authorization },
    signal: AbortSignal.timeout(2_000),
  })
  if (!response.ok) throw new Error(`the management API answered ${response.status}`)
}
