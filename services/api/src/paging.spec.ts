import { expect } from 'chai'
import fc from 'fast-check'
import { cursorOf, pageOf, placeOf } from './paging.js'
import { ProblemError } from './problems.js'

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act()
  } catch (error) {
    return error instanceof ProblemError ? error.problem.code : 'another error'
  }
  return undefined
}

describe('a cursor', () => {
  it('leads back to its place', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('\0')),
        fc.maxSafeInteger(),
        (text, revision) => {
          expect(placeOf(cursorOf([text, revision]), ['text', 'revision'])).to.deep.equal([text, revision])
        },
      ),
    )
  })

  it('that nobody gave is refused, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(codeOf(() => placeOf(text, ['instant', 'text']))).to.equal('request/cursor_invalid')
      }),
    )
  })

  it('of another list is refused', () => {
    const cursor = cursorOf(['client-1', 7])
    expect(codeOf(() => placeOf(cursor, ['instant', 'revision']))).to.equal('request/cursor_invalid')
    expect(codeOf(() => placeOf(cursor, ['text']))).to.equal('request/cursor_invalid')
    expect(codeOf(() => placeOf(cursorOf(['\0', 7]), ['text', 'revision']))).to.equal('request/cursor_invalid')
    expect(codeOf(() => placeOf(cursorOf(['2026-99-01T00:00:00.000Z']), ['instant']))).to.equal(
      'request/cursor_invalid',
    )
    expect(codeOf(() => placeOf(cursorOf(['-1']), ['position']))).to.equal('request/cursor_invalid')
  })
})

describe('a page', () => {
  const page = (rows: number[]) =>
    pageOf(
      rows,
      2,
      (n) => [n],
      (n) => `item ${n}`,
    )

  it('has a next one only when there is one more row than it shows', () => {
    expect(page([1, 2, 3])).to.deep.equal({ items: ['item 1', 'item 2'], next_cursor: cursorOf([2]) })
    expect(page([1, 2])).to.deep.equal({ items: ['item 1', 'item 2'], next_cursor: null })
    expect(page([])).to.deep.equal({ items: [], next_cursor: null })
  })
})
