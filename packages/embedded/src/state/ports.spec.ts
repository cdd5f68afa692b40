import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createPorts } from './ports.js'

const setup = () => {
  const folder = mkdtempSync(join(tmpdir(), 'journey-ports-spec-'))
  const claims = join(folder, 'claims')
  return {
    claims,
    portsOf: (clone: string) => createPorts(join(folder, clone), claims),
    remove: (clone = '') => rmSync(join(folder, clone), { recursive: true }),
  }
}

const listenOn = (port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

describe('the ports of a state folder', () => {
  it('are free, below the range that Linux hands out itself, and one for each name', async () => {
    const { portsOf, remove } = setup()
    const ports = portsOf('a')
    const chosen = await Promise.all(['amqp', 'postgres', 'api'].map((name) => ports.of(name)))
    expect(new Set(chosen).size).to.equal(3)
    for (const port of chosen) {
      expect(port).to.be.within(1024, 32_767)
      await close(await listenOn(port))
    }
    remove()
  })

  it('are never the same for two names, though nothing listens on them yet', async () => {
    const { portsOf, remove } = setup()
    const ports = portsOf('a')
    const chosen = await Promise.all(Array.from({ length: 300 }, (_, n) => ports.of(`service ${n}`)))
    expect(new Set(chosen).size).to.equal(300)
    remove()
  })

  it('stay the same over restarts', async () => {
    const { portsOf, remove } = setup()
    const first = await portsOf('a').of('amqp')
    expect(await portsOf('a').of('amqp')).to.equal(first)
    remove()
  })

  it('give way to a stranger who listens on one of them now', async () => {
    const { portsOf, remove } = setup()
    const first = await portsOf('a').of('amqp')
    const stranger = await listenOn(first)
    const second = await portsOf('a').of('amqp')
    await close(stranger)
    expect(second).not.to.equal(first)
    expect(await portsOf('a').of('amqp')).to.equal(second)
    remove()
  })

  it('are not taken by another folder, though nothing listens on them yet', async () => {
    const { portsOf, remove } = setup()
    const port = await portsOf('a').of('amqp')
    expect(await portsOf('b').take(port)).to.equal(false)
    remove()
  })

  it('stay with the folder when its process is gone, and are free again when the folder is gone too', async () => {
    const { claims, portsOf, remove } = setup()
    const port = await portsOf('a').of('amqp')
    const claim = join(claims, String(port))
    writeFileSync(claim, readFileSync(claim, 'utf8').replace(/"begun":"[^"]*"/, '"begun":"another life"'))
    expect(await portsOf('b').take(port)).to.equal(false)
    remove('a')
    expect(await portsOf('b').take(port)).to.equal(true)
    remove()
  })
})
