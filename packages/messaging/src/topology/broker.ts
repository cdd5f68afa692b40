import type { Broker } from '@journey/contracts'
import { Fault, messageOf, unavailable } from '@journey/runtime'
import type { Server } from '../connection.js'
import { createManagement } from './management.js'

/**
 * Tells what the table depends on: the version, and whether the broker is a cluster, of which the management API is asked unless it
 * is said. Once known it holds while nobody answers. Without a management API the broker stands alone.
 *
 * @throws unavailable `broker/management_away`, `broker/access_refused` when it was never told
 */
export const createBrokerTeller = ({
  amqpUrl,
  managementUrl,
  clustered,
}: {
  amqpUrl: string
  managementUrl: string | undefined
  clustered: boolean | undefined
}): ((server: Server) => Promise<Broker>) => {
  let known = clustered ?? (managementUrl === undefined ? false : undefined)
  if (known !== undefined || managementUrl === undefined)
    return ({ version }) => Promise.resolve({ version, clustered: known ?? false })
  const management = createManagement({ url: managementUrl, amqpUrl })
  return async ({ version }) => {
    try {
      known = (await management.nodes()).length > 1
    } catch (error) {
      if (known === undefined) throw withAdvice(error)
    }
    return { version, clustered: known }
  }
}

const withAdvice = (error: unknown): Fault =>
  unavailable(
    error instanceof Fault ? error.code : 'broker/management_away',
    `${messageOf(error)} Or say with RABBITMQ_CLUSTERED whether it is a cluster.`,
    error,
  )
