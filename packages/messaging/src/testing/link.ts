import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A TCP link to a server that specs can cut and hold up, as networks do. */
export type CuttableLink = {
  /** The server's address, by way of this link. */
  readonly url: string
  /** Breaks every connection; new ones come through. */
  cut(): void
  /** Breaks every connection and refuses new ones until `mend`. */
  sever(): void
  mend(): void
  /** Keeps connections but lets nothing through, until `flow`. */
  stall(): void
  flow(): void
  close(): Promise<void>
}

export const createCuttableLink = async (serverUrl: string): Promise<CuttableLink> => {
  const target = new URL(serverUrl)
  const sockets = new Set<Socket>()
  let severed = false
  const server = createServer((near) => {
    if (severed) return near.destroy()
    const far = connect(Number(target.port), target.hostname)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(serverUrl)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: url.href,
    cut,
    sever: () => {
      severed = true
      cut()
    },
    stall: () => {
      for (const socket of sockets) socket.pause()
    },
    flow: () => {
      for (const socket of sockets) socket.resume()
    },
    mend: () => void (severed = false),
    close: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
