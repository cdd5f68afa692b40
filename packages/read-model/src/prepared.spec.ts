import { expect } from 'chai'
import { createPrepared } from './prepared.js'

const often = (prepared: ReturnType<typeof createPrepared>, text: string): string | undefined =>
  Array.from({ length: 5 }, () => prepared.nameOf(text)).at(-1)

describe('prepared statements', () => {
  it('get a name once their text has come often, and keep it', () => {
    const prepared = createPrepared()
    const names = Array.from({ length: 7 }, () => prepared.nameOf('select 1'))
    expect(names.slice(0, 4)).to.deep.equal([undefined, undefined, undefined, undefined])
    expect(new Set(names.slice(4)).size).to.equal(1)
    expect(names[4]).to.be.a('string')
  })

  it('have different names for different texts, and another name after being forgotten', () => {
    const prepared = createPrepared()
    const [one, other] = [often(prepared, 'select 1'), often(prepared, 'select 2')]
    prepared.forget('select 1')
    expect(new Set([one, other, often(prepared, 'select 1')]).size).to.equal(3)
  })

  it('stay few, however many texts come', () => {
    const prepared = createPrepared()
    const names = Array.from({ length: 1_000 }, (_, n) => often(prepared, `select ${n}`))
    expect(names.filter((name) => name !== undefined)).to.have.length(200)
    expect(prepared.nameOf('select 0')).to.equal(names[0])
  })
})
