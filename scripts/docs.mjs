// npm run docs: writes what of docs/ is made from the code: codes.md, bus.md, journey.md. A spec fails when they are not up to date.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './bootstrap.mjs'
import { pages } from '@journey/specs/pages'

mkdirSync(join(root, 'docs'), { recursive: true })
for (const [name, text] of Object.entries(pages())) {
  writeFileSync(join(root, 'docs', name), text)
  console.log(`docs/${name}`)
}
