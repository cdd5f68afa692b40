import { expect } from 'chai'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { codes } from '@journey/contracts'
import { pages } from './pages.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

const areas = [...new Set(Object.keys(codes).map((code) => code.slice(0, code.indexOf('/'))))]
const literal = new RegExp(`'((?:${areas.join('|')})/[a-z0-9_]+)'`, 'g')

/** Every code that stands in the sources, the list itself, specs and testing doors apart. */
const used = ['packages', 'services'].flatMap((floor) =>
  readdirSync(join(root, floor), { recursive: true, encoding: 'utf8' })
    .filter(
      (file) =>
        /\/src\/.*\.ts$/.test(file) && !/\.spec\.ts$|\/testing[/.]|node_modules|contracts\/src\/codes\.ts$/.test(file),
    )
    .flatMap((file) => [...readFileSync(join(root, floor, file), 'utf8').matchAll(literal)].map(([, code]) => code!)),
)

/** Made from a status: `journey/${state.status}`. */
const made = ['journey/completed', 'journey/cancelled']

describe('the list of error codes', () => {
  it('has every code that the sources use, and no other', () => {
    expect([...new Set([...used, ...made])].sort()).to.deep.equal(Object.keys(codes).sort())
  })
  it('is documented as it is', () => {
    const documented = readFileSync(join(root, 'docs/codes.md'), 'utf8')
    for (const [code, says] of Object.entries(codes)) expect(documented).to.include(`| \`${code}\` | ${says} |`)
    expect([...documented.matchAll(/^\| `/gm)]).to.have.lengthOf(Object.keys(codes).length)
  })
})

describe('the pages made from the code', () => {
  for (const [name, text] of Object.entries(pages()))
    it(`have docs/${name} up to date (npm run docs)`, () =>
      expect(readFileSync(join(root, 'docs', name), 'utf8')).to.equal(text))
})
