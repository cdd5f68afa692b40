import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EventStoreDBClient } from '@eventstore/db-client'
import { expect } from 'chai'
import { createPorts } from '../state/ports.js'
import { removeState } from '../state/remove.js'
import { brief, events, freshStream } from './testing.js'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** The node as a user starts it; resolves once it listens. */
const startNode = async (stateDir: string, port: number) => {
  const args = ['run', '--silent', 'event-store', '--', '--port', String(port), '--data', stateDir]
  const npm = spawn('npm', args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { out: '', err: '' }
  npm.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()))
  npm.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()))
  while (!said.out.includes('"msg":"listening"')) {
    if (npm.exitCode !== null) throw new Error(`it ended early: ${said.out}${said.err}`)
    await Promise.race([once(npm.stdout, 'data'), once(npm, 'close')])
  }
  return { npm, said, client: EventStoreDBClient.connectionString(`esdb://127.0.0.1:${port}?tls=false`) }
}

const stopNode = async (npm: ChildProcess): Promise<number | null> => {
  npm.kill('SIGTERM')
  const [code] = (await once(npm, 'close')) as [number | null]
  return code
}

/** Every process whose command line names the folder. */
const processesOf = (folder: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/cmdline`))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        return '' // over already
      }
    })
    .filter((line) => line.includes(folder))

describe('an event store node with a folder of its own', function () {
  this.timeout(120_000)

  it('needs nothing else, finds its events again, and leaves no process behind; two run side by side', async () => {
    const open = async (folder: string) => {
      const stateDir = join(folder, 'data')
      const port = await createPorts(join(folder, 'ports')).of('event_store')
      return { stateDir, port, stream: freshStream() }
    }
    const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'journey-node-')))
    for (const folder of folders) chmodSync(folder, 0o711) // the data stays inside, so that its processes can be told
    try {
      const places = await Promise.all(folders.map(open))
      for (const expected of [['a#0'], ['a#0', 'b#1']]) {
        const running = await Promise.all(
          places.map(async (place) => ({ ...place, ...(await startNode(place.stateDir, place.port)) })),
        )
        const append = async ({ client, stream, stateDir }: (typeof running)[number]) => {
          await client.appendToStream(stream, events(expected.length === 1 ? 'a' : 'b'))
          expect(await brief(client.readStream(stream))).to.deep.equal(expected)
          expect(processesOf(stateDir), 'while it runs').not.to.deep.equal([])
        }
        const stop = async ({ npm, client, stateDir, said }: (typeof running)[number]) => {
          await stopNode(npm)
          await client.dispose()
          expect(processesOf(stateDir), 'after it stopped').to.deep.equal([])
          expect(said.err).to.equal('')
          for (const line of said.out.trim().split('\n'))
            expect(JSON.parse(line)).to.include({ service: 'event-store' })
        }
        // None is stopped while the other is appended to: a stream that ends fails what this process appends to any node.
        await Promise.all(running.map(append))
        await Promise.all(running.map(stop))
      }
      await Promise.all(places.map(({ stateDir }) => removeState(stateDir)))
    } finally {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    }
  })
})
