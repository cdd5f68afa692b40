import { inOrder, type Log } from '@journey/runtime'
import { serverHome } from '../state/home.js'
import type { Ports } from '../state/ports.js'
import { secretFile } from '../state/secret.js'
import { preparedProcess } from '../supervisor/prepared.js'
import type { SupervisedProcess } from '../supervisor/process.js'
import { ensureInstalled, epmdProcess, loginOf, managementUrlOf, nodeProcess } from './node.js'
import { environment, user, type BrokerPorts } from './settings.js'

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
  const prepare = async (): Promise<SupervisedProcess> => {
    await ensureInstalled(note)
    const broker = nodeProcess({ stateDir, name: 'rabbitmq', ports, nodeName: 'journey', log })
    const home = serverHome(stateDir, 'rabbitmq', ['rabbitmq'])
    const epmd = epmdProcess({ stateDir, home, port: ports.epmd, env: environment(home.folder, ports, 'journey'), log })
    const both = inOrder('rabbitmq', [epmd, broker])
    return { ...both, pid: () => broker.pid(), restarts: () => broker.restarts() }
  }

  return {
    ...preparedProcess('rabbitmq', prepare),
    url: (vhost = '/') => `amqp://${loginOf(stateDir)}@127.0.0.1:${ports.amqp}/${encodeURIComponent(vhost)}`,
    managementUrl: () => managementUrlOf(stateDir, ports),
    login: () => ({ user, passwordFile: secretFile(stateDir, 'rabbitmq') }),
  }
}
