import { familyOf, messageOf } from '@journey/runtime'

/** Why a node could not start and what to do, in one line for whoever started it; undefined for what nobody expected. */
export const startFaultOf = (error: unknown, asked: { port: number; healthPort: number }): string | undefined => {
  if (familyOf(error) !== 'bug') return messageOf(error)
  const { code, syscall, address, port: refused } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (syscall !== 'listen') return undefined
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
