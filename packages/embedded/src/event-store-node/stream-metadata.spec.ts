import { expect } from 'chai'
import {
  firstVisibleRevision,
  isSoftDeleted,
  noMetadata,
  oldestVisibleTime,
  parseMetadata,
  softDeletion,
  withTruncateBefore,
} from './stream-metadata.js'

const parse = (text: string) => parseMetadata(true, Buffer.from(text))
const back = (text: string, revision = 3n) => {
  const data = withTruncateBefore(Buffer.from(text), revision)
  return data && Buffer.from(data).toString()
}

describe('stream metadata', () => {
  it('says how many events are visible, how old they may be, and from which revision', () => {
    expect(parse('{"$maxCount":3,"$maxAge":60,"$tb":4}')).to.deep.equal({
      maxCount: 3n,
      maxAgeSeconds: 60n,
      truncateBefore: 4n,
    })
    expect(parse(' {"$maxCount":2,"other":{"$tb":9},"$maxCount":3} ')).to.deep.equal({ maxCount: 3n })
  })

  it('ignores values of zero and less', () => {
    expect(parse('{"$maxCount":0,"$maxAge":-5,"$tb":-1}')).to.deep.equal(noMetadata)
    expect(parse('{"$tb":0}')).to.deep.equal({ truncateBefore: 0n })
  })

  it('counts for nothing as a whole when it is not a JSON object', () => {
    for (const text of ['', 'not json', '[]', '3', 'null', '"text"', '{"$maxCount":3'])
      expect(parse(text), text).to.deep.equal(noMetadata)
    expect(parseMetadata(false, Buffer.from('{"$maxCount":3}'))).to.deep.equal(noMetadata)
  })

  it('counts for nothing as a whole when one known key has the wrong type', () => {
    const wrong = [
      '"$tb":"4"',
      '"$maxAge":"x"',
      '"$maxAge":3.5',
      '"$maxAge":1e2',
      '"$maxAge":null',
      '"$maxAge":99999999999999999999',
      '"$cacheControl":"x"',
      '"$acl":5',
      '"$acl":null',
      '"$acl":{"$r":5}',
      '"$acl":{"$r":["a",5]}',
      '"$acl":{"$r":"a","$zzz":"b"}',
    ]
    for (const part of wrong) expect(parse(`{"$maxCount":3,${part}}`), part).to.deep.equal(noMetadata)
    expect(parse('{"$maxCount":3,"$acl":{"$r":["a","b"],"$w":"c"},"$cacheControl":10}')).to.deep.equal({ maxCount: 3n })
  })

  it('tells a soft-deleted stream from one that is merely truncated', () => {
    expect(isSoftDeleted(parse('{"$tb":9223372036854775807}'))).to.equal(true)
    expect(isSoftDeleted(parse('{"$tb":9223372036854775806}'))).to.equal(false)
    expect(isSoftDeleted(parseMetadata(true, softDeletion()))).to.equal(true)
  })
})

describe('the metadata that brings a stream back', () => {
  it('is what was there, with $tb set', () => {
    expect(back('{"$tb":9223372036854775807}')).to.equal('{"$tb":3}')
    expect(back('{"x":2}')).to.equal('{"x":2,"$tb":3}')
    expect(back('{"$tb":1,"x":2}', 9_223_372_036_854_775_806n)).to.equal('{"$tb":9223372036854775806,"x":2}')
  })

  it('keeps every number and text as it was written', () => {
    const rest = '"a":12345678901234567890,"b":1.50,"c":"1 \\"2\\" 3","d":[-1e5,"-1e5"]'
    expect(back(`{${rest}}`)).to.equal(`{${rest},"$tb":3}`)
  })

  it('is none when what was there is not a JSON object', () => {
    expect(back('not json')).to.equal(undefined)
    expect(back('[1]')).to.equal(undefined)
  })
})

describe('what is visible of a stream', () => {
  it('begins where the strictest limit says', () => {
    expect(firstVisibleRevision(noMetadata, 9n)).to.equal(0n)
    expect(firstVisibleRevision({ maxCount: 3n }, 9n)).to.equal(7n)
    expect(firstVisibleRevision({ maxCount: 100n }, 9n)).to.equal(0n)
    expect(firstVisibleRevision({ maxCount: 3n, truncateBefore: 4n }, 9n)).to.equal(7n)
    expect(firstVisibleRevision({ maxCount: 5n, truncateBefore: 8n }, 9n)).to.equal(8n)
  })

  it('is not older than $maxAge', () => {
    expect(oldestVisibleTime(noMetadata, 1_000_000)).to.equal(0n)
    expect(oldestVisibleTime({ maxAgeSeconds: 60n }, 1_000_000)).to.equal(9_400_000_000n)
    expect(oldestVisibleTime({ maxAgeSeconds: 10n ** 15n }, 1_000_000)).to.equal(0n)
  })
})
