import { once } from 'node:events'
import { connect } from 'node:net'
import pg from 'pg'
import { messageOf, unavailable } from '@journey/runtime'

const limitMs = 5_000

/**
 * Asks a given server whether it is there, so that a wrong address is told at once and by the variable that names it. Of several
 * addresses of one cluster (commas between) one must answer.
 *
 * @returns where it is
 * @throws unavailable `embedded/server_away`; the message never holds a password
 */
export const checkGiven = async (variable: string, url: string, defaultPort: number): Promise<string> => {
  const failures: unknown[] = []
  for (const address of url.split(/,(?=\w+:\/\/)/)) {
    try {
      return await checkOne(variable, address, defaultPort)
    } catch (error) {
      failures.push(error)
    }
  }
  throw failures[0]
}

const checkOne = async (variable: string, url: string, defaultPort: number): Promise<string> => {
  const { hostname, port, host } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) || defaultPort, timeout: limitMs })
  socket.once('timeout', () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'connect')
  } catch (error) {
    throw away(variable, host, error)
  } finally {
    socket.destroy()
  }
  return `the given one at ${host}`
}

/** The same for PostgreSQL, user and password included. @throws unavailable `embedded/server_away` */
export const checkGivenDatabase = async (variable: string, url: string): Promise<string> => {
  const { host } = new URL(url)
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: limitMs })
  try {
    await client.connect()
  } catch (error) {
    throw away(variable, host, error)
  } finally {
    await client.end().catch(() => undefined)
  }
  return `the given one at ${host}`
}

const away = (variable: string, host: string, error: unknown) =>
  unavailable(
    'embedded/server_away',
    `${variable} names ${host}, which cannot be used: ${messageOf(error)}. Start that server or mend the address; without ${variable} one of our own is started.`,
    error,
  )
