import { expect } from 'chai'
import pc from 'picocolors'
import { createOutput, duration, plain, tableOf } from './output.js'

const colours = pc.createColors(false)

describe('a duration in words', () => {
  it('has two parts at most', () => {
    expect([400, 9_900, 12_000, 65_000, 3_600_000, 3_660_000, 90_000_000, -5].map(duration)).to.deep.equal([
      '0.4 s',
      '9.9 s',
      '12 s',
      '1 min 5 s',
      '1 h',
      '1 h 1 min',
      '1 d 1 h',
      '0 s',
    ])
  })
})

describe('a table', () => {
  it('has a line a thing, in columns, with nothing at the ends of lines', () => {
    expect(
      tableOf(
        colours,
        ['CLIENT', 'STAGE'],
        [
          ['client-123', 'pilot'],
          ['b', 'sandbox'],
        ],
      ),
    ).to.equal(['CLIENT      STAGE', 'client-123  pilot', 'b           sandbox'].join('\n'))
  })

  it('lets nothing through that a terminal would obey', () => {
    expect(tableOf(colours, ['A'], [['\u001b[2Jgone\r\nnext']])).to.equal('A\n [2Jgone next')
    expect(plain('a\tb\u0007\u009b31m')).to.equal('a b 31m')
  })
})

describe('values for programs', () => {
  it('are JSON', () => {
    let written = ''
    createOutput({ json: true, colour: false, write: (text) => (written += text) }).value([{ a: 1 }])
    expect(JSON.parse(written)).to.deep.equal([{ a: 1 }])
  })
})
