import type { Queue, Topology } from '@journey/contracts'
import { exchanges, withRetries } from '@journey/contracts'
import { testVhost } from '@journey/embedded/testing'
import { silentLog } from '@journey/runtime'
import { createConnection, type Connection, type ConnectionOptions } from '../connection.js'
import { openTestBroker, type TestBroker } from './broker.js'
import { eventually } from './eventually.js'
import { createCuttableLink, type CuttableLink } from './link.js'

/** A virtual host with a hand on it and a connection under test that comes in by a link. For the specs of this package. */
export type Bus = {
  broker: TestBroker
  /** Who all of this is logged in as. */
  user: string
  link: CuttableLink
  connection: Connection
  /** Another connection to the same virtual host. */
  connect(options?: Partial<ConnectionOptions>): Connection
  /** Closes connections of that name as an operator would, through the management API. */
  closeConnections(name: string): Promise<void>
  close(): Promise<void>
}

export const openBus = async (topology?: Topology): Promise<Bus> => {
  const vhost = await testVhost()
  const link = await createCuttableLink(vhost.url)
  const broker = await openTestBroker(vhost.url)
  const connections: Connection[] = []
  const connect = (options: Partial<ConnectionOptions> = {}): Connection => {
    const connection = createConnection({
      url: link.url,
      name: 'messaging-spec',
      log: silentLog(),
      ...(topology ? { topology: () => topology } : {}),
      firstDelayMs: 10,
      ...options,
    })
    connections.push(connection)
    return connection
  }
  const connection = connect()
  await connection.start()
  return {
    broker,
    user: new URL(vhost.url).username,
    link,
    connection,
    connect,
    closeConnections: (name) => closeConnections(vhost, name),
    close: async () => {
      for (const each of connections) await each.stop()
      await broker.close()
      await link.close()
      await vhost.drop()
    },
  }
}

const closeConnections = async (
  { managementUrl, vhost }: { managementUrl: string; vhost: string },
  name: string,
): Promise<void> => {
  const { origin, username, password } = new URL(managementUrl)
  const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
  const named = await eventually(`connections named ${name}`, async () => {
    const answer = await fetch(`${origin}/api/vhosts/${vhost}/connections`, { headers })
    const all = (await answer.json()) as { name: string; user_provided_name?: string }[]
    const found = all.filter((each) => each.user_provided_name === name)
    return found.length > 0 && found
  })
  for (const each of named)
    await fetch(`${origin}/api/connections/${encodeURIComponent(each.name)}`, { method: 'DELETE', headers })
}

/** Waits that specs can afford. */
export const quickSteps = [{ label: '50ms', delayMs: 50 }]

/** A work queue on `journey.events` by the pattern `work.*`, with a quick waiting queue and dead letters. */
export const workTopology = (queue: Partial<Queue> = {}): Topology => ({
  exchanges: Object.values(exchanges),
  queues: withRetries(
    {
      name: 'work',
      owner: 'notifier',
      bindings: [{ exchange: exchanges.events.name, key: 'work.*' }],
      arguments: {
        'x-queue-type': 'quorum',
        'x-dead-letter-exchange': exchanges.deadLetters.name,
        'x-dead-letter-routing-key': 'dlx.work',
      },
      ...queue,
    },
    quickSteps,
  ),
})
