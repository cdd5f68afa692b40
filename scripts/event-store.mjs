// The event store node alone: `npm run --silent event-store -- --port 2113 --data <folder>`; `--help` says the rest.
import { existsSync } from 'node:fs'

/** A signal sent to npm is passed on to us; when npm is killed we are told by our parent's going away, and stop as well. */
const watchNpm = () => {
  const npm = process.ppid
  setInterval(() => process.ppid !== npm && process.kill(process.pid, 'SIGTERM'), 200).unref()
}

const main = new URL('../packages/embedded/dist/event-store-node/main.js', import.meta.url)
if (!existsSync(main)) {
  console.error('The event store node is not built yet: run `npm run build` first.')
  process.exit(1)
}
if (process.env.npm_lifecycle_event === 'event-store') {
  watchNpm()
  process.chdir(process.env.INIT_CWD ?? '.') // npm goes to the project's folder; paths are meant from where it was called
}
await import(main.href)
