import { chownSync, existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { inOrder, unavailable, type Log } from '@journey/runtime'
import { canInstall, installFromDebian } from '../debian/install.js'
import { serverHome, type Home } from '../state/home.js'
import type { Ports } from '../state/ports.js'
import { secretFile, secretOf } from '../state/secret.js'
import { preparedProcess } from '../supervisor/prepared.js'
import { createProcess, type SupervisedProcess } from '../supervisor/process.js'
import { until } from '../supervisor/until.js'
import { configuration, enabledPlugins, environment, user, type BrokerPorts } from './settings.js'

export type RabbitMqOptions = {
  stateDir: string
  ports: BrokerPorts
  log: Log
  /** Hears of slow steps, such as an installation. */
  note?: (text: string) => void
}

export type RabbitMq = SupervisedProcess & {
  /** `amqp://` with user and password, for one virtual host (`/` by default). */
  url(vhost?: string): string
  /** The management API, `http://` with user and password. */
  managementUrl(): string
  /** Who may log in, and the file that holds the password. */
  login(): { user: string; passwordFile: string }
}

/** The ports of the broker of one state folder. */
export const brokerPorts = async (ports: Ports): Promise<BrokerPorts> => ({
  amqp: await ports.of('amqp'),
  management: await ports.of('amqp_management'),
  prometheus: await ports.of('amqp_prometheus'),
  distribution: await ports.of('amqp_distribution'),
  epmd: await ports.of('amqp_epmd'),
})

/**
 * A RabbitMQ node of our own, with management and Prometheus plugins: data, cookie, ports and name server (epmd) are private,
 * all on 127.0.0.1; started again when it dies. As root it runs as the account `rabbitmq`. Ready when it greets on the AMQP
 * port and its management API knows our user.
 *
 * @throws unavailable `embedded/rabbitmq_missing`, `embedded/install_failed`, `embedded/process_failed`
 */
export const createRabbitMq = (options: RabbitMqOptions): RabbitMq => {
  const { stateDir, ports, log, note = () => undefined } = options
  const login = (): string => `${user}:${secretOf(stateDir, 'rabbitmq')}`
  const managementUrl = (): string => `http://${login()}@127.0.0.1:${ports.management}`

  const prepare = async (): Promise<SupervisedProcess> => {
    await ensureInstalled(note)
    const home = serverHome(stateDir, 'rabbitmq', ['rabbitmq'])
    writeOwned(home, 'rabbitmq.conf', configuration(ports, secretOf(stateDir, 'rabbitmq')))
    writeOwned(home, 'enabled_plugins', enabledPlugins)
    const common = { env: environment(home.folder, ports), cwd: home.folder, account: home.account, stateDir, log }
    const epmd = createProcess({
      ...common,
      name: 'epmd',
      command: 'epmd',
      args: ['-address', '127.0.0.1', '-port', String(ports.epmd)],
      ready: (signal) => until(() => knock(ports.epmd), signal),
    })
    const broker = createProcess({
      ...common,
      name: 'rabbitmq',
      command: join(scripts, 'rabbitmq-server'),
      args: [],
      ready: async (signal) => {
        await until(() => knock(ports.amqp, 'AMQP\0\0\x09\x01'), signal, 100)
        await until(() => whoAmI(managementUrl()), signal, 100)
      },
      startAttempts: 3,
    })
    const both = inOrder('rabbitmq', [epmd, broker])
    return { ...both, pid: () => broker.pid(), restarts: () => broker.restarts() }
  }

  return {
    ...preparedProcess('rabbitmq', prepare),
    url: (vhost = '/') => `amqp://${login()}@127.0.0.1:${ports.amqp}/${encodeURIComponent(vhost)}`,
    managementUrl,
    login: () => ({ user, passwordFile: secretFile(stateDir, 'rabbitmq') }),
  }
}

/** The real scripts: those in /usr/sbin are wrappers that change the user and the folder. */
const scripts = '/usr/lib/rabbitmq/bin'

const ensureInstalled = async (note: (text: string) => void): Promise<void> => {
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

const writeOwned = ({ folder, account }: Home, name: string, text: string): void => {
  const file = join(folder, name)
  writeFileSync(file, text, { mode: 0o600 })
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
