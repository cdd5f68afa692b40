// npm run schemas -- check|record: holds the schemas of events against those that were released (packages/contracts/released).
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './bootstrap.mjs'

const help = `npm run schemas -- check|record

  check    says which change of an event's shape would break a reader, and what to do; exit code 1 when there is one
  record   writes down the versions that are new, each with its schema and one event; refused while something would break

Exit codes: 0 nothing breaks, 1 something does, 2 wrong usage.`

const main = async () => {
  const [command, ...more] = process.argv.slice(2)
  if (command === '--help') return console.log(help)
  if (!['check', 'record'].includes(command) || more.length > 0) {
    console.error(`Say check or record.\n\n${help}`)
    process.exitCode = 2
    return
  }
  if (!existsSync(join(root, 'packages/contracts/dist/testing/index.js'))) {
    console.error('Nothing is built yet: run `npm run build` first.')
    process.exitCode = 1
    return
  }
  const { problemsOf, readReleases, record, unrecorded } = await import('@journey/contracts/testing')
  const releases = readReleases()
  const fresh = command === 'record' ? unrecorded(releases) : []
  const problems = problemsOf([...releases, ...fresh])
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
  else {
    for (const release of fresh) console.log(`packages/contracts/released/${record(release)}`)
    console.log(`${releases.length + fresh.length} released versions, and nothing would break a reader.`)
  }
}

await main()
