import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPorts, createPostgres, createProcess, ensureDatabase } from '@journey/embedded'
import { silentLog } from '@journey/runtime'
import { root } from '../../bootstrap.mjs'

/** A PostgreSQL with its settings as they come, and an event store node on it, both in this folder. */
export const serversIn = async (stateDir, profiles) => {
  const log = silentLog()
  const ports = createPorts(stateDir)
  const postgres = createPostgres({ stateDir, port: await ports.of('postgres'), log })
  const [port, healthPort] = [await ports.of('event_store'), await ports.of('event_store_health')]
  let node
  return {
    start: async () => {
      await postgres.start()
      const main = join(root, 'packages/embedded/dist/event-store-node/main.js')
      const profiling = profiles ? ['--cpu-prof', '--cpu-prof-dir', profiles] : []
      node = createProcess({
        name: 'event-store',
        command: process.execPath,
        args: [...profiling, main, '--port', String(port), '--health-port', String(healthPort)],
        env: { EVENT_STORE_DATABASE_URL: await ensureDatabase(postgres.url(), 'event_store') },
        stateDir,
        log,
        ready: async (signal) => {
          while (!signal.aborted && !(await fetch(`http://127.0.0.1:${healthPort}/ready`).catch(() => undefined))?.ok)
            await sleep(50)
        },
      })
      await node.start()
    },
    stop: async () => {
      await node?.stop()
      await postgres.stop()
    },
    url: `esdb://127.0.0.1:${port}?tls=false`,
    databaseUrl: () => postgres.url('event_store'),
    /** Resident memory of the node, now and at most. */
    memoryMib: () => {
      const status = readFileSync(`/proc/${node.pid()}/status`, 'utf8')
      const mib = (name) => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024)
      return { now: mib('VmRSS'), peak: mib('VmHWM') }
    },
  }
}
