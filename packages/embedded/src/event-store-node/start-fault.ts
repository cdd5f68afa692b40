import { familyOf, messageOf } from '@journey/runtime'

type SystemFault = NodeJS.ErrnoException & { address?: string; port?: number; hostname?: string }

/** Why a node could not start and what to do, in one line for whoever started it; undefined for what nobody expected. */
export const startFaultOf = (error: unknown, asked: { port: number; healthPort: number }): string | undefined => {
  if (familyOf(error) !== 'bug') return messageOf(error)
  const { code, syscall, address, port: refused } = error as SystemFault
  if (syscall !== 'listen') return databaseFaultOf(error)
  const isHealth = refused === asked.healthPort && refused !== asked.port
  const [hostOption, portOption] = isHealth ? ['--health-host', '--health-port'] : ['--host', '--port']
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${refused} of ${address} is taken. Stop what listens there, or name another with ${portOption}.`
    case 'EACCES':
      return `Port ${refused} of ${address} is not for this user to listen on. Name another with ${portOption}.`
    default:
      return `${address} is no address of this machine to listen on (${code}). Name another with ${hostOption}.`
  }
}

/** Why PostgreSQL could not be used at all and what to do, in one line; undefined when that is not what the error says. */
export const databaseFaultOf = (error: unknown): string | undefined => {
  const { code, syscall, address, port, hostname } = error as SystemFault
  if (syscall === 'connect' || syscall === 'getaddrinfo')
    return `PostgreSQL at ${hostname ?? `${address}:${port}`} cannot be reached (${code}). Start it, or name another with --database.`
  if (code?.startsWith('28') || code === '3D000')
    return `PostgreSQL does not let the node in: ${messageOf(error)}. Check the user, the password and the database of --database.`
  return undefined
}
