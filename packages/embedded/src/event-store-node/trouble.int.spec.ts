import { EventStoreDBClient, UnavailableError } from '@eventstore/db-client'
import { expect } from 'chai'
import { onConnection } from '../postgres/databases.js'
import { anEvent, brief, collect, events, freshStream, testNode } from './testing.js'

describe('an event store node in trouble', () => {
  it('says UNAVAILABLE and why when the disk of its PostgreSQL is full, loses nothing, and goes on when there is room', async () => {
    const { client, url, databaseUrl, stop } = await testNode()
    const stream = freshStream()
    await client.appendToStream(stream, anEvent('before'))
    await onConnection(databaseUrl, (client) =>
      client.query(`
        create function full_disk() returns trigger language plpgsql as
          $$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
        create trigger full_disk before insert on event_store.events execute function full_disk()`),
    )
    const refused = events('a', 'b', 'c')
    for (const event of refused) {
      // Each on a connection of its own: one error ends all appends of a client.
      const other = EventStoreDBClient.connectionString(url)
      const error: unknown = await other.appendToStream(stream, event).catch((reason: unknown) => reason)
      expect(error).to.be.instanceOf(UnavailableError)
      expect((error as Error).message).to.match(/no room .*No space left on device.* Nothing was written/)
      await other.dispose()
    }
    expect(await brief(client.readStream(stream))).to.deep.equal(['before#0'])
    await onConnection(databaseUrl, (client) => client.query('drop trigger full_disk on event_store.events'))
    for (const event of refused) await client.appendToStream(stream, event)
    expect(await brief(client.readStream(stream))).to.deep.equal(['before#0', 'a#1', 'b#2', 'c#3'])
    await stop()
  })

  it('gives rising positions and times that never fall while the clock of the machine jumps back', async () => {
    const { client, stop } = await testNode()
    const now = Date.now
    const stream = freshStream()
    try {
      for (const [k, offsetMs] of Object.entries([0, 3_600_000, -3_600_000, 0])) {
        Date.now = () => now() + offsetMs
        await client.appendToStream(stream, anEvent(k))
      }
    } finally {
      Date.now = now
    }
    const stored = (await collect(client.readStream(stream))).map(({ event }) => event!)
    expect(stored.map(({ revision }) => revision)).to.deep.equal([0n, 1n, 2n, 3n])
    for (const [index, event] of stored.entries()) {
      const before = stored[index - 1]
      if (!before) continue
      expect(event.position!.commit > before.position!.commit, 'position').to.equal(true)
      expect(event.created.getTime(), 'created').to.be.at.least(before.created.getTime())
    }
    expect(stored[1]!.created.getTime() - stored[0]!.created.getTime()).to.be.above(3_000_000)
    await stop()
  })
})
