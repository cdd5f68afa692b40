import { expect } from 'chai'
import fc from 'fast-check'
import { Deframer, framed } from './frames.js'

const received = (frames: Deframer, chunk: Buffer): Buffer[] => {
  const messages: Buffer[] = []
  frames.push(chunk, (message) => messages.push(message))
  return messages
}

describe('messages on a call', () => {
  it('are the same again, wherever their bytes are cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)))
    fc.assert(
      fc.property(messages, fc.array(fc.nat(200)), (sent, cuts) => {
        const bytes = framed(sent)
        const places = [0, ...cuts.filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length]
        const frames = new Deframer(40)
        const chunks = places.slice(1).map((to, index) => bytes.subarray(places[index], to))
        expect(chunks.flatMap((chunk) => received(frames, chunk))).to.deep.equal(sent)
        expect(frames.isWithin).to.equal(false)
      }),
    )
  })

  it('do not change when the bytes that brought them are used again', () => {
    const chunk = framed([Buffer.from('one')])
    const [message] = received(new Deframer(10), chunk)
    chunk.fill(0)
    expect(String(message)).to.equal('one')
  })

  it('are refused when they are too large or compressed', () => {
    const refusal = (head: number[]) => () => received(new Deframer(10), Buffer.from(head))
    expect(refusal([0, 0, 0, 0, 11])).to.throw('Received message larger than max (11 vs 10)')
    expect(refusal([1, 0, 0, 0, 2])).to.throw('Compressed messages are not supported')
  })
})
