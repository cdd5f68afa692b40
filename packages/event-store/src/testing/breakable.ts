import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A way to a server that a spec can break and mend; `url` leads over it. */
export type Breakable = {
  url: string
  /** Breaks every connection and refuses new ones, as when the server was killed. */
  cut(): Promise<void>
  /** Lets connections through again, on the same port. */
  mend(): Promise<void>
  /** Keeps back what the server answers, while it still receives what it is sent. */
  hush(): void
  /** Hands on what was kept back, and all that follows. */
  unhush(): void
}

/** Opens a way to the event store at `url` (one host and port). Cut it when done. */
export const breakable = async (url: string): Promise<Breakable> => {
  const target = new URL(url)
  const answering = new Set<Socket>()
  const sockets = new Set<Socket>()
  let isHushed = false
  let server: Server | undefined
  let port = 0

  const pass = (caller: Socket) => {
    const callee = connect(Number(target.port), target.hostname)
    answering.add(callee)
    if (isHushed) callee.pause()
    callee.on('data', (bytes) => caller.write(bytes))
    caller.pipe(callee)
    for (const [socket, other] of [[caller, callee] as const, [callee, caller] as const]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        other.destroy()
        sockets.delete(socket)
        answering.delete(socket)
      })
    }
  }
  const mend = async () => {
    server ??= createServer(pass).listen(port, '127.0.0.1')
    if (!server.listening) await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }

  await mend()
  const way = new URL(url)
  way.host = `127.0.0.1:${port}`
  return {
    url: way.toString(),
    mend,
    cut: async () => {
      const closing = server
      server = undefined
      if (!closing) return
      const closed = once(closing, 'close')
      closing.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
    hush: () => {
      isHushed = true
      for (const socket of answering) socket.pause()
    },
    unhush: () => {
      isHushed = false
      for (const socket of answering) socket.resume()
    },
  }
}
