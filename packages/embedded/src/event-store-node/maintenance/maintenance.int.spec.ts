import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binaryEvent, EventStoreDBClient } from '@eventstore/db-client'
import { codeOf } from '@journey/runtime'
import { expect } from 'chai'
import { gunzipSync, gzipSync } from 'node:zlib'
import { onConnection } from '../../postgres/databases.js'
import { testDatabase } from '../../testing/isolation.js'
import { createEventStoreNode } from '../event-store-node.js'
import { anEvent, brief, collect, events, failureOf, freshStream, testNode } from '../testing.js'
import { backup, restore } from './backup.js'
import { verify } from './verify.js'

const findingsIn = async (databaseUrl: string) => {
  const kinds: string[] = []
  const { events, findings } = await verify(databaseUrl, ({ kind }) => kinds.push(kind))
  expect(findings).to.equal(kinds.length)
  return { events, kinds: kinds.sort() }
}

const filled = async () => {
  const node = await testNode()
  const [kept, removed, gone] = [freshStream('zamówienie'), freshStream(), freshStream()]
  await node.client.appendToStream(kept, events('a', 'b'))
  await node.client.appendToStream(removed, events('a', 'b'))
  await node.client.deleteStream(removed)
  await node.client.appendToStream(removed, anEvent('c'))
  await node.client.appendToStream(gone, anEvent('a'))
  await node.client.tombstoneStream(gone)
  await node.client.appendToStream(
    kept,
    binaryEvent({ type: 'Scan', data: Uint8Array.of(0, 255), metadata: Uint8Array.of(1) }),
  )
  return { ...node, kept, removed, gone }
}

const faultOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'no failure', codeOf)

describe('verifying an event store', () => {
  it('finds nothing in what a node wrote, also while it runs', async () => {
    const { databaseUrl, stop } = await filled()
    const { kinds, events } = await findingsIn(databaseUrl)
    expect(kinds).to.deep.equal([])
    expect(events).to.equal(11) // with the first one of the node, and what two deletes and a revival write
    await stop()
  })

  const damages: readonly (readonly [string, string, string[]])[] = [
    [
      'an event that is gone',
      'delete from event_store.events where revision = 1',
      ['hole', 'hole', 'hole', 'hole', 'hole'],
    ],
    [
      'the last events that are not JSON',
      `update event_store.events set data = '{"k":' where revision = 1 and is_json`,
      ['bad_json', 'bad_json', 'bad_json'],
    ],
    [
      'a byte that is not UTF-8',
      String.raw`update event_store.events set data = '\x22ff22' where position = 2`,
      ['bad_json'],
    ],
    ['a time that falls', 'update event_store.events set created = 1 where position = 3', ['time_falls']],
    ['a stream without a name', `delete from event_store.streams where name like 'zam%'`, ['nameless_stream']],
    ['a stream without events', `insert into event_store.streams values (999, 'lost')`, ['empty_stream']],
    [
      'a stream whose order is not the order of the log',
      `update event_store.events set position = case position when 2 then 1000003 when 3 then 1000002 end where position in (2, 3);
       update event_store.events set position = position - 1000000 where position > 1000000`,
      ['wrong_order'],
    ],
  ]
  for (const [what, sql, expected] of damages)
    it(`tells of ${what}`, async () => {
      const { databaseUrl, stop } = await filled()
      await onConnection(databaseUrl, (client) => client.query(sql))
      expect((await findingsIn(databaseUrl)).kinds).to.deep.equal(expected)
      await stop()
    })
})

describe('a backup of an event store', () => {
  const setup = async () => {
    const folder = mkdtempSync(join(tmpdir(), 'journey-backup-'))
    const [source, target] = [await filled(), await testDatabase()]
    const stop = async (): Promise<void> => {
      await source.stop()
      await target.drop()
      rmSync(folder, { recursive: true })
    }
    return { source, target, file: join(folder, 'events.jsonl.gz'), stop }
  }

  it('taken while the node runs and restored elsewhere is the same log, and its node goes on where it ended', async () => {
    const { source, target, file, stop } = await setup()
    const before = await collect(source.client.readAll())
    expect(await backup(source.databaseUrl, file)).to.equal(before.length)
    expect(await restore(target.url, file)).to.equal(before.length)
    expect((await findingsIn(target.url)).kinds).to.deep.equal([])
    const node = createEventStoreNode({ host: '127.0.0.1', port: 0, databaseUrl: target.url })
    await node.start()
    const client = EventStoreDBClient.connectionString(`esdb://127.0.0.1:${node.address().port}?tls=false`)
    expect(await collect(client.readAll())).to.deep.equal(before)
    expect(await failureOf(client.appendToStream(source.gone, anEvent('late')))).to.equal('StreamDeletedError')
    await client.appendToStream(source.removed, anEvent('d'), { expectedRevision: 2n })
    expect(await brief(client.readStream(source.removed))).to.deep.equal(['c#2', 'd#3'])
    await client.dispose()
    await node.stop()
    await stop()
  })

  it('never replaces a file, and is never restored over events or beside a node', async () => {
    const { source, target, file, stop } = await setup()
    await backup(source.databaseUrl, file)
    expect(await faultOf(backup(source.databaseUrl, file))).to.equal('event_store_node/backup_exists')
    expect(await faultOf(restore(source.databaseUrl, file))).to.equal('event_store_node/database_in_use')
    await restore(target.url, file)
    expect(await faultOf(restore(target.url, file))).to.equal('event_store_node/not_empty')
    await stop()
  })

  it('that is cut off, changed or something else restores nothing', async () => {
    const { source, target, file, stop } = await setup()
    await backup(source.databaseUrl, file)
    const whole = readFileSync(file)
    const text = gunzipSync(whole).toString()
    const lines = text.split('\n')
    const damaged = [
      whole.subarray(0, whole.length / 2),
      gzipSync(lines.slice(0, -2).join('\n')),
      gzipSync(text.replace('Tested', 'Tasted')),
      gzipSync(lines.slice(1).join('\n')),
      gzipSync('{"format":"event-store-backup","version":2}\n'),
      Buffer.from('no backup'),
    ]
    for (const [index, bytes] of damaged.entries()) {
      writeFileSync(file, bytes)
      expect(await faultOf(restore(target.url, file)), String(index)).to.equal('event_store_node/backup_damaged')
    }
    writeFileSync(file, whole)
    expect(await restore(target.url, file)).to.be.above(0)
    await stop()
  })
})
