import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AccessDeniedError, EventStoreDBClient } from '@eventstore/db-client'
import { expect } from 'chai'
import { testCertificate } from '../testing/certificate.js'
import { testDatabase } from '../testing/isolation.js'
import { anEvent, brief, collect, failureOf, freshStream } from './testing.js'

const main = fileURLToPath(new URL('main.js', import.meta.url))

const start = (args: readonly string[], env: Record<string, string>) => {
  const child = spawn(process.execPath, [main, '--port', '0', ...args], { env: { ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return { child, output: () => output }
}

describe('an event store node with TLS and users', () => {
  let folder: string
  let node: Awaited<ReturnType<typeof secured>>
  const secured = async () => {
    const database = await testDatabase()
    const { cert, key } = testCertificate(folder)
    const env = { EVENT_STORE_DATABASE_URL: database.url, EVENT_STORE_USERS: 'admin:changeit,dana:p@ss:word' }
    const { child, output } = start(['--tls-cert', cert, '--tls-key', key], env)
    while (!output().includes('"msg":"started"')) {
      if (child.exitCode !== null) throw new Error(output())
      await Promise.race([once(child.stdout, 'data'), once(child, 'close')])
    }
    const port = /esdb:\/\/127\.0\.0\.1:(\d+)\?tls=true/.exec(output())?.[1] ?? 'none'
    const stop = async () => {
      child.kill('SIGTERM')
      await once(child, 'close')
      await database.drop()
    }
    const urlFor = (user: string) => `esdb://${user}127.0.0.1:${port}?tls=true&tlsCAFile=${encodeURIComponent(cert)}`
    return { port, urlFor, stop, output }
  }
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'journey-tls-'))
    node = await secured()
  })
  after(async () => {
    await node.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const as = async <T>(user: string, work: (client: EventStoreDBClient) => Promise<T>): Promise<T> => {
    const client = EventStoreDBClient.connectionString(node.urlFor(user))
    try {
      return await work(client)
    } finally {
      await client.dispose()
    }
  }

  it('serves its users, whichever way they append, read and subscribe', () =>
    as('dana:p%40ss%3Aword@', async (client) => {
      const stream = freshStream()
      await client.appendToStream(stream, anEvent('a'))
      const other = { credentials: { username: 'admin', password: 'changeit' } }
      await client.appendToStream(stream, anEvent('b'), other)
      expect(await brief(client.readStream(stream, other))).to.deep.equal(['a#0', 'b#1'])
      const subscription = client.subscribeToStream(stream)
      await new Promise((resolve) => subscription.once('caughtUp', () => resolve(undefined)))
      await subscription.unsubscribe()
      await client.deleteStream(stream)
    }))

  for (const [who, user] of Object.entries({
    'a stranger': 'eve:hunter2@',
    'a wrong password': 'admin:hunter2@',
    'somebody without credentials': '',
  }))
    it(`denies ${who} everything, each time anew`, () =>
      as(user, async (client) => {
        const stream = freshStream()
        const attempts = [
          () => client.appendToStream(stream, anEvent('x')),
          () => client.appendToStream(stream, anEvent('x')),
          () => client.setStreamMetadata(stream, {}),
          () => client.deleteStream(stream),
          () => client.tombstoneStream(stream),
          () => brief(client.readStream(stream)),
          () => collect(client.readAll({ maxCount: 1 })),
          () => collect(client.subscribeToStream(stream)),
          () => collect(client.subscribeToAll()),
        ]
        for (const attempt of attempts) expect(await failureOf(attempt())).to.equal(AccessDeniedError.name)
      }))

  it('takes the credentials of a call before those of its client, and lets good ones in after bad ones', () =>
    as('admin:changeit@', async (client) => {
      const stream = freshStream()
      const eve = { credentials: { username: 'eve', password: 'hunter2' } }
      expect(await failureOf(client.appendToStream(stream, anEvent('x'), eve))).to.equal('AccessDeniedError')
      expect(await failureOf(brief(client.readStream(stream, eve)))).to.equal('AccessDeniedError')
      expect((await client.appendToStream(stream, anEvent('a'))).nextExpectedRevision).to.equal(0n)
    }))

  it('lives on when somebody comes without TLS, or does not trust it', async () => {
    const plain = EventStoreDBClient.connectionString(`esdb://127.0.0.1:${node.port}?tls=false&defaultDeadline=2000`)
    expect(await failureOf(plain.appendToStream(freshStream(), anEvent('x')))).not.to.equal('no failure')
    await plain.dispose()
    const wary = EventStoreDBClient.connectionString(
      `esdb://admin:changeit@127.0.0.1:${node.port}?defaultDeadline=2000`,
    )
    expect(await failureOf(wary.appendToStream(freshStream(), anEvent('x')))).not.to.equal('no failure')
    await wary.dispose()
    await as('admin:changeit@', (client) => client.appendToStream(freshStream(), anEvent('a')))
  })

  it('is found through gossip, with TLS', async () => {
    const url = node.urlFor('admin:changeit@').replace('esdb://', 'esdb+discover://')
    const client = EventStoreDBClient.connectionString(url)
    expect((await client.appendToStream(freshStream(), anEvent('a'))).success).to.equal(true)
    await client.dispose()
  })

  it('says what is wrong with its settings, and shows no password', async () => {
    const { cert, key } = testCertificate(folder)
    const file = join(folder, 'users')
    writeFileSync(file, '\n')
    const tls = ['--tls-cert', cert, '--tls-key', key]
    const wrong: [args: string[], env: Record<string, string>, says: RegExp][] = [
      [['--tls-cert', cert], {}, /--tls-cert and --tls-key go together/],
      [['--tls-cert', '/none', '--tls-key', key], {}, /--tls-cert cannot be read: ENOENT/],
      [['--tls-cert', key, '--tls-key', key], {}, /are not a certificate and its key/],
      [[], { EVENT_STORE_USERS: 'admin:secret' }, /users need --tls-cert and --tls-key/],
      [tls, { EVENT_STORE_USERS: 'admin:secret,secret' }, /User 2 of EVENT_STORE_USERS must be name:password/],
      [tls, { EVENT_STORE_USERS_FILE: '/none' }, /EVENT_STORE_USERS_FILE cannot be read: ENOENT/],
      [tls, { EVENT_STORE_USERS_FILE: file }, /there is no user in/],
      [tls, { EVENT_STORE_USERS_FILE: file, EVENT_STORE_USERS: 'a:secret' }, /leave one out/],
    ]
    for (const [args, env, says] of wrong) {
      const { child, output } = start(['--database', 'postgres://nowhere/d', ...args], env)
      const [code] = (await once(child, 'close')) as [number]
      expect([code, says.test(output()), output().includes('secret')], output()).to.deep.equal([1, true, false])
    }
  })
})
