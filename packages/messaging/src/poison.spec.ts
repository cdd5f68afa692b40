import { unavailable } from '@journey/runtime'
import { expect } from 'chai'
import type { Handler } from './pipeline.js'
import { mostDeaths, stopPoison } from './poison.js'
import { failure } from './testing/failure.js'
import { messageOf } from './testing/message.js'

/** What outlives a process; `live` is one process that handles messages. */
const setup = () => {
  const begun = new Map<string, number>()
  const add = (subject: string, by: number) => Promise.resolve(void begun.set(subject, (begun.get(subject) ?? 0) + by))
  const live = (handler: Handler) =>
    stopPoison({
      deaths: (_, subject) => {
        const times = begun.get(subject)
        return Promise.resolve(times === undefined ? undefined : { times, firstAt: new Date(0) })
      },
      note: (_, subject) => add(subject, 1),
      takeBack: (_, subject) => add(subject, -1),
      forget: (_, subject) => Promise.resolve(void begun.delete(subject)),
    })(handler)
  return { begun, live }
}
const again = (messageId: string, headers = {}) => messageOf({ redelivered: true, properties: { messageId, headers } })
const dies: Handler = () => new Promise(() => undefined)
const breath = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('a message that comes for the first time', () => {
  it('leaves no trace', async () => {
    const { begun, live } = setup()
    void live(dies)(messageOf({ properties: { messageId: 'm' } }))
    await breath()
    expect(begun.size).to.equal(0)
  })
})

describe('a message that comes again', () => {
  it('is poison once it has ended its process five times', async () => {
    const { live } = setup()
    for (let life = 0; life < mostDeaths; life++) {
      void live(dies)(again('m'))
      await breath()
    }
    const message = again('m')
    expect((await failure(live(dies)(message))).code).to.equal('message/poison')
    expect(message.deaths?.times).to.equal(mostDeaths)
  })

  it('counts nothing while its handler lives to fail', async () => {
    const { begun, live } = setup()
    for (let n = 0; n < 10; n++) await failure(live(() => Promise.reject(unavailable('test/away', 'away')))(again('m')))
    let handled = 0
    await live(() => Promise.resolve(handled++).then(() => undefined))(again('m'))
    expect([handled, begun.size]).to.deep.equal([1, 0])
  })

  it('starts afresh when it is retried as a dead letter', async () => {
    const { live } = setup()
    for (let life = 0; life < mostDeaths; life++) {
      void live(dies)(again('m'))
      await breath()
    }
    const mark = { 'x-dead-letter-id': '2f6f1a0e-8f0c-4b69-9a43-5a0f2a8f3b11', 'x-dead-letter-retry': 1 }
    let handled = 0
    await live(() => Promise.resolve(handled++).then(() => undefined))(again('m', mark))
    expect(handled).to.equal(1)
  })

  it('is not blamed for the death of another beside it', async () => {
    const { live } = setup()
    const innocent: string[] = []
    for (let life = 0; life <= mostDeaths; life++) {
      // Those beside it are at work when it dies, but for the lives in which they stand in line with it.
      const handle = live((message) => {
        if (message.properties.messageId === 'killer') return dies(message)
        if (life === 0) return dies(message)
        innocent.push(message.properties.messageId!)
        return Promise.resolve()
      })
      const left = ['a', 'b', 'killer', 'c'].filter((id) => !innocent.includes(id))
      for (const id of left) handle(again(id)).catch(() => undefined)
      await breath()
    }
    expect(innocent.sort()).to.deep.equal(['a', 'b', 'c'])
  })
})
