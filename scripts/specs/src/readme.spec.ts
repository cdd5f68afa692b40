import { expect } from 'chai'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const pages = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
]
const read = (page: string) => readFileSync(join(root, page), 'utf8')

describe('the pages for readers', () => {
  for (const page of pages)
    it(`have no dead link in ${page}`, () => {
      const links = [...read(page).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(([, link]) => link!)
      for (const link of links) expect(existsSync(join(root, page, '..', link)), `${page} → ${link}`).to.equal(true)
    })

  it('follow one command through nine steps, each linked to its files', () => {
    const steps = [...read('README.md').matchAll(/^\| [①②③④⑤⑥⑦⑧⑨]\s*\|.*$/gm)].map(([line]) => line)
    expect(steps).to.have.lengthOf(9)
    for (const step of steps) expect(step).to.match(/\]\(/)
  })

  it('name scripts and files that are there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const named = pages.flatMap((page) => [...read(page).matchAll(/npm run ([\w-]+)/g)].map(([, name]) => name!))
    expect(Object.keys(scripts)).to.include.members(named)
    const files = [
      ...read('README.md').matchAll(/`((?:packages|services|scripts|infra|docs|migrations)\/[\w./-]+)`/g),
    ].map(([, file]) => file!)
    for (const file of files) expect(existsSync(join(root, file)), file).to.equal(true)
  })
})
