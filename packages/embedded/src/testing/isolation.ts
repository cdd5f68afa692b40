import { randomUUID } from 'node:crypto'
import { inDatabase, onConnection } from '../postgres/databases.js'
import { testEnvironment } from './environment.js'

/** A database that no other spec sees, empty or a copy of another; `drop()` ends what is still connected to it. */
export const testDatabase = async ({ copyOf }: { copyOf?: string } = {}): Promise<TestDatabase> => {
  const server = testEnvironment('JOURNEY_TEST_DATABASE_URL')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const run = (statement: string) =>
    onConnection(inDatabase(server, 'postgres'), async (client) => {
      await client.query(statement)
    })
  await run(`create database ${name}${copyOf === undefined ? '' : ` template ${copyOf}`}`)
  return { name, url: inDatabase(server, name), drop: () => run(`drop database if exists ${name} with (force)`) }
}

export type TestDatabase = { name: string; url: string; drop: () => Promise<void> }

/** A RabbitMQ virtual host that no other spec sees; `drop()` closes what is still connected to it. */
export const testVhost = async (): Promise<{
  url: string
  vhost: string
  managementUrl: string
  drop: () => Promise<void>
}> => {
  const amqp = new URL(testEnvironment('JOURNEY_TEST_RABBITMQ_URL'))
  const managementUrl = testEnvironment('JOURNEY_TEST_RABBITMQ_MANAGEMENT_URL')
  const vhost = `test-${randomUUID()}`
  await callManagement(managementUrl, 'PUT', `/api/vhosts/${vhost}`)
  amqp.pathname = `/${vhost}`
  return {
    url: amqp.href,
    vhost,
    managementUrl,
    drop: () => callManagement(managementUrl, 'DELETE', `/api/vhosts/${vhost}`),
  }
}

/** The event store node of the run; streams are told apart by their names. */
export const testEventStoreUrl = (): string => testEnvironment('JOURNEY_TEST_EVENT_STORE_URL')

const callManagement = async (managementUrl: string, method: string, path: string): Promise<void> => {
  const { origin, username, password } = new URL(managementUrl)
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const response = await fetch(origin + path, { method, headers: { authorization } })
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
}
