// The event store node alone: `npm run --silent event-store -- --port 2113 --data <folder>`; `--help` says the rest.
// In a fresh checkout it installs and builds first, and says so on standard error.
import { existsSync } from 'node:fs'
import { build, checkNode, install, needsInstall } from './bootstrap.mjs'

/** A signal sent to npm is passed on to us; when npm is killed we are told by our parent's going away, and stop as well. */
const watchNpm = () => {
  const npm = process.ppid
  setInterval(() => process.ppid !== npm && process.kill(process.pid, 'SIGTERM'), 200).unref()
}

const main = new URL('../packages/embedded/dist/event-store-node/main.js', import.meta.url)

/** What is compiled already is used as it is: a node starts in a second or two. */
const prepare = async () => {
  if (existsSync(main)) return
  const interrupt = new AbortController()
  const abort = () => interrupt.abort()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, abort)
  console.error('The event store node is not built yet: installing and building, which takes a minute or two.')
  checkNode()
  if (needsInstall()) await install(interrupt.signal)
  await build(interrupt.signal)
  for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, abort)
}
if (process.env.npm_lifecycle_event === 'event-store') {
  watchNpm()
  process.chdir(process.env.INIT_CWD ?? '.') // npm goes to the project's folder; paths are meant from where it was called
}
try {
  await prepare()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
await import(main.href)
