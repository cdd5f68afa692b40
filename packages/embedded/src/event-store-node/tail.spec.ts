import { expect } from 'chai'
import type { RecordedEvent } from './recorded-event.js'
import { Tail } from './tail.js'

const event = (position: bigint, stream = 's', bytes = 0): RecordedEvent => ({
  position,
  stream,
  revision: position,
  created: 0n,
  id: '',
  type: 'T',
  isJson: true,
  data: Buffer.alloc(bytes),
  metadata: Buffer.alloc(0),
})
const from = (first: bigint, count: number, stream?: string) =>
  Array.from({ length: count }, (_, index) => event(first + BigInt(index), stream))
const positions = (events: RecordedEvent[] | undefined) => events?.map(({ position }) => Number(position))

describe('the tail of the log', () => {
  it('gives what was committed after a position, as much as asked for', () => {
    const tail = new Tail({ events: 10, bytes: 1e6 })
    tail.reset(100n)
    tail.append(from(101n, 3))
    tail.append(from(104n, 2))
    expect(positions(tail.after(100n, 10))).to.deep.equal([101, 102, 103, 104, 105])
    expect(positions(tail.after(102n, 2))).to.deep.equal([103, 104])
    expect(positions(tail.after(105n, 10))).to.deep.equal([])
    expect(positions(tail.after(999n, 10))).to.deep.equal([])
    expect(tail.after(99n, 10), 'that is in PostgreSQL only').to.equal(undefined)
  })

  it('forgets the oldest when there are too many, or too large ones', () => {
    const tail = new Tail({ events: 4, bytes: 10_000 })
    for (let position = 1n; position <= 20n; position++) tail.append([event(position)])
    expect(tail.after(15n, 10)).to.equal(undefined)
    expect(positions(tail.after(16n, 10))).to.deep.equal([17, 18, 19, 20])
    tail.append([event(21n, 's', 9_000)])
    expect(tail.after(16n, 10)).to.equal(undefined)
    expect(positions(tail.after(20n, 10))).to.deep.equal([21])
  })

  it('wakes who listens to everything, and who listens to a stream that was written', async () => {
    const tail = new Tail({ events: 10, bytes: 1e6 })
    const { signal } = new AbortController()
    const all = tail.listen()
    const order = tail.listen('order')
    const rung: string[] = []
    const waits = [all.wait(signal).then(() => rung.push('all')), order.wait(signal).then(() => rung.push('order'))]
    tail.append(from(1n, 2, 'cart'))
    await waits[0]
    expect(rung).to.deep.equal(['all'])
    tail.append(from(3n, 1, 'order'))
    await waits[1]
    expect(rung).to.deep.equal(['all', 'order'])
    expect(order.quietUntil, 'nothing of it came before').to.equal(2n)
  })

  it('remembers a ring that nobody waited for', async () => {
    const tail = new Tail({ events: 10, bytes: 1e6 })
    const alarm = tail.listen()
    tail.append(from(1n, 1))
    await alarm.wait(new AbortController().signal)
    const aborted = new AbortController()
    aborted.abort()
    await alarm.wait(aborted.signal)
    expect(tail.listeners).to.equal(1)
    tail.unlisten(alarm)
    expect(tail.listeners).to.equal(0)
  })

  it('sends everybody to PostgreSQL after it was reset', async () => {
    const tail = new Tail({ events: 10, bytes: 1e6 })
    tail.append(from(1n, 2))
    const alarm = tail.listen('order')
    tail.reset(7n)
    await alarm.wait(new AbortController().signal)
    expect(alarm.quietUntil).to.equal(2n)
    expect(tail.committed).to.equal(7n)
    expect(tail.after(2n, 10)).to.equal(undefined)
  })
})
