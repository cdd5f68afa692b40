// Starts the event store node alone: `npm run --silent event-store -- --port 2113 --database postgres://…`; `--help` says the rest.
import { existsSync } from 'node:fs'

const main = new URL('../packages/embedded/dist/event-store-node/main.js', import.meta.url)
if (!existsSync(main)) {
  console.error('The event store node is not built yet: run `npm run build` first.')
  process.exit(1)
}
await import(main.href)
