// Starts the event store node alone: `npm run --silent event-store -- --port 2113 --database postgres://…`; `--help` says the rest.
import { existsSync } from 'node:fs'

/** A SIGTERM sent to npm reaches npm and its shell, not us: we are told by our parent's going away, and stop as if it were ours. */
const watchNpm = () => {
  const npm = process.ppid
  setInterval(() => process.ppid !== npm && process.kill(process.pid, 'SIGTERM'), 200).unref()
}

const main = new URL('../packages/embedded/dist/event-store-node/main.js', import.meta.url)
if (!existsSync(main)) {
  console.error('The event store node is not built yet: run `npm run build` first.')
  process.exit(1)
}
if (process.env.npm_lifecycle_event) watchNpm()
await import(main.href)
