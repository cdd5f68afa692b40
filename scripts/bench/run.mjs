// npm run bench: builds when needed, then measures. `npm run bench -- --help` lists the benches, `npm run bench -- <name> --help`
// the options of one. A bench that finds an error or does not end in time fails.
import { build, checkNode, install, needsInstall, Trouble } from '../bootstrap.mjs'

/** Every bench by its name; loaded when asked for, since it needs the build. */
const benches = {
  journeys: {
    about: 'whole journeys through the whole system, from commands on the bus to the read model',
    load: () => import('./journeys.mjs'),
  },
  bus: {
    about:
      'commands to visible rows, the relay, the projector, rebuilds and parked streams, beside bare amqplib and pg',
    load: () => import('./bus.mjs'),
  },
  'event-store': {
    about: 'the event store node beside bare PostgreSQL: appends by 1, 16 and 64 clients, reads of the whole log',
    load: () => import('./event-store.mjs'),
  },
}

const help = `npm run bench -- <name> [options]

${Object.entries(benches)
  .map(([name, { about }]) => `  ${name.padEnd(12)} ${about}`)
  .join('\n')}

npm run bench -- <name> --help lists the options of one.`

const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => interrupt.abort(new Trouble('interrupted')))

const main = async () => {
  const [name, ...args] = process.argv.slice(2)
  if (name === undefined || name === '--help' || name === '-h') return console.log(help)
  const bench = benches[name]
  if (!bench) throw new Trouble(`There is no bench ${name}.\n\n${help}`)
  checkNode()
  if (!args.includes('--no-build')) {
    if (needsInstall()) await install(interrupt.signal)
    await build(interrupt.signal)
  }
  const { run } = await bench.load()
  await run(
    args.filter((arg) => arg !== '--no-build'),
    interrupt.signal,
  )
}

main().then(
  () => process.exit(),
  (error) => {
    console.error(error instanceof Trouble || error?.family ? error.message : error)
    process.exit(1)
  },
)
