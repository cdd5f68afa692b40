import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { dataKeyOf, keyIdOf, openBytes, sealBytes } from './box.js'
import { masterKeysOf, unwrap, wrap } from './master-keys.js'

const key = (id = '0123456789abcdef') => dataKeyOf(id, randomBytes(32))
const context = JSON.stringify(['event', 'journey-a', 'id', 'StagePromoted'])

const codeOf = (work: () => unknown): unknown => {
  try {
    work()
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

describe('what is sealed', () => {
  it('opens with its key at its place, whatever it is', () => {
    const one = key()
    for (let size = 0; size < 3_000; size += 1 + Math.floor(Math.random() * 60)) {
      const content = randomBytes(size)
      expect(openBytes(one, sealBytes(one, content, context), context).equals(content)).to.equal(true)
    }
  })

  it('is the same bytes when it is sealed again, and others for other content, another place or another key', () => {
    const one = key()
    const sealed = sealBytes(one, Buffer.from('a'), context)
    expect(sealBytes(one, Buffer.from('a'), context).equals(sealed)).to.equal(true)
    const others = [
      sealBytes(one, Buffer.from('b'), context),
      sealBytes(one, Buffer.from('a'), `${context} `),
      sealBytes(key(), Buffer.from('a'), context),
    ]
    const nonces = [sealed, ...others].map((bytes) => bytes.subarray(9, 21).toString('hex'))
    expect(new Set(nonces).size).to.equal(4)
  })

  it('names its key', () =>
    expect(keyIdOf(sealBytes(key('00000000000000ff'), Buffer.of(), context))).to.equal('00000000000000ff'))

  it('opens neither elsewhere, nor with another key, nor with a single bit changed, nor cut off', () => {
    const one = key()
    const sealed = sealBytes(one, Buffer.from('the reason'), context)
    expect(codeOf(() => openBytes(one, sealed, 'elsewhere'))).to.equal('privacy/tampered')
    expect(codeOf(() => openBytes(key(), sealed, context))).to.equal('privacy/tampered')
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(
        codeOf(() => openBytes(one, changed, context)),
        `bit ${bit}`,
      ).to.equal('privacy/tampered')
    }
    for (let length = 0; length < sealed.length; length += 1)
      expect(
        codeOf(() => openBytes(one, sealed.subarray(0, length), context)),
        `${length} bytes`,
      ).to.equal('privacy/tampered')
    expect(codeOf(() => keyIdOf(Buffer.from('no such thing')))).to.equal('privacy/tampered')
  })
})

describe('a wrapped key', () => {
  const base64 = () => randomBytes(32).toString('base64')

  it('unwraps with its master key, in its own row only', () => {
    const { current } = masterKeysOf({ key: base64(), old: [] })
    const { current: other } = masterKeysOf({ key: base64(), old: [] })
    const secret = randomBytes(32)
    const wrapped = wrap(current, secret, 'client-1')
    expect(unwrap(current, wrapped, 'client-1').equals(secret)).to.equal(true)
    expect(codeOf(() => unwrap(current, wrapped, 'client-2'))).to.equal('privacy/key_damaged')
    expect(codeOf(() => unwrap(other, wrapped, 'client-1'))).to.equal('privacy/key_damaged')
  })

  it('finds its master key by an id that follows from the key alone', () => {
    const [first, second] = [base64(), base64()]
    const before = masterKeysOf({ key: first, old: [] })
    const after = masterKeysOf({ key: second, old: [first] })
    expect(after.current.id).to.not.equal(before.current.id)
    expect(after.known.get(before.current.id)?.secret.equals(before.current.secret)).to.equal(true)
  })
})
