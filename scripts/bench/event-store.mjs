import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { EventStoreDBClient } from '@eventstore/db-client'
import { removeState } from '@journey/embedded'
import pg from 'pg'
import { Trouble } from '../bootstrap.mjs'
import * as appends from './event-store/appends.mjs'
import * as loads from './event-store/loads.mjs'
import * as reads from './event-store/reads.mjs'
import { serversIn } from './event-store/servers.mjs'
import { machine } from './machine.mjs'

/** In the order they run: each has `about`, `measure(given)`, and `told(figures)`, its lines for people. */
const sections = { appends, loads, reads }

const help = `npm run bench -- event-store [options]

Starts a PostgreSQL and an event store node in a folder of their own, and measures the node through the real client in
turns with the same work done by bare pg in the same PostgreSQL, with the settings it comes with: a commit is on disk.

${Object.entries(sections)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

  --only <a,b>          these sections alone
  --seconds <n>         how long each figure of appends is measured, each time (2)
  --rounds <n>          how many times; the median counts (3)
  --events <n>          how many events the log holds before it is read (1000000)
  --json                the figures as JSON, nothing else
  --cpu-prof <folder>   writes a CPU profile of the node there
  --no-build            with what is compiled already

bare pg, appends    one prepared insert of the rows that the node would write, into a table of the same columns and
                    indexes, on as many connections
bare pg, reads      a cursor over the node's own table in pages of 500 rows, by one connection`

const optionsOf = (args) => {
  try {
    const { values } = parseArgs({
      args,
      options: {
        only: { type: 'string', default: Object.keys(sections).join(',') },
        seconds: { type: 'string', default: '2' },
        rounds: { type: 'string', default: '3' },
        events: { type: 'string', default: '1000000' },
        json: { type: 'boolean', default: false },
        'cpu-prof': { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const [seconds, rounds, events] = [values.seconds, values.rounds, values.events].map(Number)
    if (!(seconds > 0)) throw new Error('--seconds must be a number above 0')
    if (![rounds, events].every((n) => Number.isInteger(n) && n > 0))
      throw new Error('--rounds and --events must be whole numbers above 0')
    const only = values.only.split(',')
    if (!only.every((name) => Object.hasOwn(sections, name)))
      throw new Error(`--only takes names out of: ${Object.keys(sections).join(', ')}`)
    return { ...values, only, seconds, rounds, events, profiles: values['cpu-prof'] && resolve(values['cpu-prof']) }
  } catch (error) {
    throw new Trouble(`${error.message}\n\n${help}`)
  }
}

export const run = async (args, interrupt) => {
  const options = optionsOf(args)
  if (options.help) return console.log(help)
  const stateDir = mkdtempSync(join(tmpdir(), 'journey-bench-'))
  chmodSync(stateDir, 0o711) // the server's account has to get through
  const servers = await serversIn(stateDir, options.profiles)
  interrupt.addEventListener('abort', () => void servers.stop(), { once: true })
  try {
    await servers.start()
    const report = await measured(servers, options)
    console.log(options.json ? JSON.stringify(report, undefined, 2) : told(report))
  } finally {
    await servers.stop()
    await removeState(stateDir)
  }
}

const measured = async (servers, options) => {
  const before = machine()
  const client = EventStoreDBClient.connectionString(servers.url)
  const pool = new pg.Pool({ connectionString: servers.databaseUrl(), max: 64 })
  const progress = (what) => options.json || console.error(what)
  const figures = {}
  try {
    for (const [name, section] of Object.entries(sections))
      if (options.only.includes(name))
        figures[name] = await section.measure({ servers, client, pool, options, progress })
    return { ...figures, machine: { ...before, load_after: machine().load_average } }
  } finally {
    await Promise.allSettled([client.dispose(), pool.end()])
  }
}

const told = ({ machine: on, ...figures }) =>
  [
    ...Object.entries(figures).flatMap(([name, its]) => [...sections[name].told(its), '']),
    `${on.cores} × ${on.model}, ${on.memory_mib} MiB, Node ${on.node.slice(1)}; ` +
      `load ${on.load_average.join(' ')} before, ${on.load_after.join(' ')} after`,
  ].join('\n')
