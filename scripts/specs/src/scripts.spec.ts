import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const run = promisify(execFile)

describe('a script that nobody runs in between', () => {
  for (const [what, ...args] of [
    ['the bench of journeys', 'scripts/bench/run.mjs', 'journeys', '--no-build'],
    ['the bench of the bus', 'scripts/bench/run.mjs', 'bus', '--no-build'],
    ['the bench of the event store', 'scripts/bench/run.mjs', 'event-store', '--no-build'],
  ])
    it(`finds everything it is made of: ${what}`, async () => {
      const { stdout } = await run(process.execPath, [...args, '--help'], { cwd: root })
      expect(stdout).to.match(/^npm run bench -- /)
    })
})
