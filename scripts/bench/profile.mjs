// Loaded into every Node process (`--import`) of a profiled run: writes a CPU profile when the process ends, as Node 20's
// --cpu-prof would, were it allowed in NODE_OPTIONS.
import { mkdirSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'

const folder = process.env.JOURNEY_BENCH_PROFILES
/** `command-handler` of services/command-handler/dist/main.js. */
const name = process.argv[1]?.split('/').at(-3)

const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.start')
process.once('exit', () =>
  session.post('Profiler.stop', (error, stopped) => {
    if (error) return
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${name}-${process.pid}.cpuprofile`), JSON.stringify(stopped.profile))
  }),
)
