import { createEventStoreNode } from '../event-store-node/event-store-node.js'
import { testDatabase } from './isolation.js'

/** An event store node that no other spec sees: for specs that read the whole log, or leave in it what others could not read. */
export const testEventStore = async (): Promise<{ url: string; stop: () => Promise<void> }> => {
  const database = await testDatabase()
  const node = createEventStoreNode({ host: '127.0.0.1', port: 0, databaseUrl: database.url })
  await node.start()
  return {
    url: `esdb://127.0.0.1:${node.address().port}?tls=false`,
    stop: async () => {
      await node.stop()
      await database.drop()
    },
  }
}
