// Runs a list of compiled specs in this process and tells its parent how many passed, failed and were skipped, and what failed.
// A process that cannot end afterwards holds something open (a connection, a timer): that fails the run.
import { relative } from 'node:path'
import Mocha from 'mocha'

const { files, grep, timeout } = JSON.parse(process.argv[2])
const leakLimitMs = 10_000

const mocha = new Mocha({ timeout, forbidOnly: true, reporter: 'spec', ...(grep ? { grep } : {}) })
for (const file of files) mocha.addFile(file)
await mocha.loadFilesAsync()

const failures = []
const runner = mocha.run(() => {
  const { passes, pending } = runner.stats
  process.send({ passed: passes, skipped: pending, failures }, () => process.disconnect())
  process.exitCode = failures.length > 0 ? 1 : 0
  setTimeout(() => {
    // Not keeping the process alive itself, it only fires when something else does.
    console.error(`\nThe specs are over, but the process goes on: ${process.getActiveResourcesInfo().join(', ')}`)
    process.exit(leaked)
  }, leakLimitMs).unref()
})

runner.on('fail', (spec, error) =>
  failures.push({
    spec: spec.fullTitle(),
    file: relative(process.cwd(), spec.file ?? ''),
    why: error.message ?? String(error),
  }),
)

/** The exit code that tells the parent of a leak. */
const leaked = 7
