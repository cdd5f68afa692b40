// Runs a list of compiled specs in this process and tells its parent how many passed, failed and were skipped.
// A process that cannot end afterwards holds something open (a connection, a timer): that fails the run.
import Mocha from 'mocha'

const { files, grep, timeout } = JSON.parse(process.argv[2])
const leakLimitMs = 10_000

const mocha = new Mocha({ timeout, forbidOnly: true, reporter: 'spec', ...(grep ? { grep } : {}) })
for (const file of files) mocha.addFile(file)
await mocha.loadFilesAsync()

const runner = mocha.run((failures) => {
  const { passes, pending } = runner.stats
  process.send({ passed: passes, failed: failures, skipped: pending })
  process.disconnect()
  process.exitCode = failures > 0 ? 1 : 0
  setTimeout(() => {
    // Not keeping the process alive itself, it only fires when something else does.
    console.error(`\nThe specs are over, but the process goes on: ${process.getActiveResourcesInfo().join(', ')}`)
    process.exit(leaked)
  }, leakLimitMs).unref()
})

/** The exit code that tells the parent of a leak. */
const leaked = 7
