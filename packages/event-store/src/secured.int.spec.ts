import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { testCertificate, testDatabase } from '@journey/embedded/testing'
import { codeOf, silentLog } from '@journey/runtime'
import { expect } from 'chai'
import { createEventStore } from './event-store.js'
import { anEvent, freshStream, typesIn } from './testing/index.js'

const script = fileURLToPath(new URL('../../../scripts/event-store.mjs', import.meta.url))

describe('an event store with TLS and users', () => {
  const setup = async () => {
    const folder = mkdtempSync(join(tmpdir(), 'journey-tls-'))
    const { cert, key } = testCertificate(folder)
    const database = await testDatabase()
    const node = spawn(process.execPath, [script, '--port', '0', '--tls-cert', cert, '--tls-key', key], {
      env: { ...process.env, EVENT_STORE_DATABASE_URL: database.url, EVENT_STORE_USERS: 'journey:changeit' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    node.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    while (!output.includes('"msg":"started"')) await once(node.stdout, 'data')
    const port = /127\.0\.0\.1:(\d+)\?tls=true/.exec(output)?.[1]
    return {
      storeFor: (user: string) => {
        const url = `esdb://${user}@127.0.0.1:${port}?tls=true&tlsCAFile=${encodeURIComponent(cert)}`
        return createEventStore({ url, log: silentLog() })
      },
      stop: async () => {
        node.kill('SIGTERM')
        await once(node, 'close')
        await database.drop()
        rmSync(folder, { recursive: true })
      },
    }
  }

  it('serves a user, and is event-store/access_denied for anybody else, however often', async () => {
    const { storeFor, stop } = await setup()
    const [known, stranger] = [storeFor('journey:changeit'), storeFor('journey:hunter2')]
    const stream = freshStream('spec')
    await known.append(stream, 'no_stream', [anEvent({ type: 'first' })])
    const codeFrom = (call: Promise<unknown>): Promise<string> => call.then(() => 'none', codeOf)
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(await codeFrom(stranger.append(stream, 0, [anEvent()]))).to.equal('event-store/access_denied')
      expect(await codeFrom(stranger.read(stream))).to.equal('event-store/access_denied')
    }
    await known.append(stream, 0, [anEvent({ type: 'second' })])
    expect(await typesIn(known, stream)).to.deep.equal(['first', 'second'])
    await Promise.all([known.stop(), stranger.stop()])
    await stop()
  })
})
