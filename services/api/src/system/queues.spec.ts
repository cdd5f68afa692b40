import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createManagement } from '@journey/messaging'
import { expect } from 'chai'
import { createReadQueues } from './queues.js'

/** A management API that answers when the spec says so, and a clock that the spec moves. */
const withBroker = async (use: (broker: ReturnType<typeof brokerOf>) => Promise<void>): Promise<void> => {
  const asked: ServerResponse[] = []
  const server = createServer((_, answer) => void asked.push(answer)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await use(brokerOf(asked, server))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const brokerOf = (asked: ServerResponse[], server: ReturnType<typeof createServer>) => {
  const { port } = server.address() as AddressInfo
  const clock = { now: Date.UTC(2026, 0, 27) }
  const url = `http://guest:guest@127.0.0.1:${port}`
  return {
    asked,
    clock,
    read: createReadQueues(createManagement({ url, amqpUrl: 'amqp://127.0.0.1' }), () => clock.now),
    /** Answers the question that is open, or the next one. */
    tell: async (messages_ready: number) => {
      if (asked.length === 0) await once(server, 'request')
      asked.shift()!.end(JSON.stringify([{ name: 'q', messages_ready }]))
    },
  }
}

describe('the queues of a broker that is slow to tell', () => {
  it('are told as they were last, and when that was, until it answers', () =>
    withBroker(async ({ read, tell, clock, asked }) => {
      const [first] = await Promise.all([read(), tell(7)])
      expect(first.items[0]).to.include({ queue: 'q', ready: 7, publish_rate: 0 })
      clock.now += 59_000
      expect(await Promise.all([read(), read()])).to.deep.equal([first, first])
      expect(asked.length).to.equal(1)
      const [second] = await Promise.all([read(), tell(8)])
      expect(second.items[0]).to.include({ ready: 8 })
      expect(Date.parse(second.asked_at) - Date.parse(first.asked_at)).to.equal(59_000)
    }))

  it('are not told as they were more than a minute ago', () =>
    withBroker(async ({ read, tell, clock }) => {
      await Promise.all([read(), tell(7)])
      clock.now += 60_001
      const [later] = await Promise.all([read(), tell(9)])
      expect(later.items[0]).to.include({ ready: 9 })
    }))
})
