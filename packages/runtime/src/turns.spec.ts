import { messageOf } from '@journey/runtime'
import { expect } from 'chai'
import { Turns } from './turns.js'

const gate = () => {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { open, opened }
}

describe('turns', () => {
  it('take work of one key one after another, in order', async () => {
    const turns = new Turns()
    const said: string[] = []
    const first = gate()
    const all = [
      turns.take('a', async () => {
        await first.opened
        said.push('first')
      }),
      turns.take('a', () => {
        said.push('second')
        return Promise.resolve()
      }),
    ]
    first.open()
    await Promise.all(all)
    expect(said).to.deep.equal(['first', 'second'])
  })

  it('take work of different keys at once', async () => {
    const turns = new Turns()
    const first = gate()
    const held = turns.take('a', () => first.opened)
    await turns.take('b', () => {
      first.open()
      return Promise.resolve()
    })
    await held
  })

  it('go on after work that failed, and hand its error to whoever asked', async () => {
    const turns = new Turns()
    const failed = turns.take('a', () => Promise.reject(new Error('no')))
    const next = turns.take('a', () => Promise.resolve('yes'))
    expect(await failed.catch((error: unknown) => messageOf(error))).to.equal('no')
    expect(await next).to.equal('yes')
  })
})
