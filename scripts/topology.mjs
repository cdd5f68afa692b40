// npm run topology: holds RabbitMQ against the table of exchanges, queues and bindings (packages/contracts), and makes it so.
// `npm run topology -- --help` lists the options.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root, Trouble } from './bootstrap.mjs'

const help = `npm run topology -- plan|apply [options]

  plan               shows in what the broker is not as the table says; exit code 1 when there is something
  apply              makes it so, while messages flow; safe to repeat, also after a crash
  --partitions M     shares the projector's 64 buckets out over M queues, 1 to 64
  --format=json      for programs
  --help             this text

Uses the servers of a running npm start (JOURNEY_STATE_DIR), or those that the environment names: RABBITMQ_URL,
RABBITMQ_MANAGEMENT_URL, DATABASE_URL. Exit codes: 0 as the table says, 1 differs or failed, 2 wrong usage, 3 a server is away.`

const usage = (text) => Object.assign(new Trouble(`${text}\n\n${help}`), { exitCode: 2 })

const options = () => {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        partitions: { type: 'string' },
        format: { type: 'string', default: 'table' },
        help: { type: 'boolean', default: false },
      },
    })
    const partitions = values.partitions === undefined ? undefined : Number(values.partitions)
    if (values.help) return { command: 'help' }
    const [command, ...more] = positionals
    if (!['plan', 'apply'].includes(command) || more.length > 0) throw usage('Say plan or apply.')
    if (partitions !== undefined && !(Number.isInteger(partitions) && partitions >= 1 && partitions <= 64))
      throw usage('--partitions is a whole number from 1 to 64.')
    if (!['table', 'json'].includes(values.format)) throw usage('--format is table or json.')
    return { command, partitions, format: values.format }
  } catch (error) {
    throw error instanceof Trouble ? error : usage(error.message)
  }
}

/** The settings of the environment, and what it leaves open from the running system. */
const settingsOf = async () => {
  const { readEndpoints } = await import('@journey/embedded')
  const { readSettings } = await import('@journey/runtime')
  const { Settings } = await import(join(root, 'services/projector/dist/settings.js'))
  const { env } = process
  const running = readEndpoints(resolve(root, env.JOURNEY_STATE_DIR || '.journey'))
  const known = running && {
    ...(env.RABBITMQ_URL || env.RABBITMQ_HOST
      ? {}
      : { RABBITMQ_URL: running.amqp, RABBITMQ_MANAGEMENT_URL: running.amqp_management ?? undefined }),
    ...(env.DATABASE_URL || env.JOURNEY_STATE_DB_HOST ? {} : { DATABASE_URL: running.database }),
  }
  const settings = readSettings(Settings, { ...env, ...known })
  if (!settings.amqpManagementUrl)
    throw new Trouble(
      'The management API of RabbitMQ is needed: name it with RABBITMQ_MANAGEMENT_URL (http://user:password@host:15672).',
    )
  return settings
}

/** Connects to broker and database for as long as the work takes. */
const withServers = async (settings, work) => {
  const { createBrokerTeller, createConnection, createManagement } = await import('@journey/messaging')
  const { createDatabase } = await import('@journey/read-model')
  const { createLog } = await import('@journey/runtime')
  const { amqpUrl, amqpManagementUrl: managementUrl, amqpClustered: clustered } = settings
  const log = createLog({ service: 'topology', level: 'warn', to: process.stderr })
  const database = createDatabase({ url: settings.databaseUrl, name: 'topology', log, poolSize: 4 })
  const connection = createConnection({ url: amqpUrl, name: 'topology', log })
  try {
    const greeted = new Promise((resolve) => connection.onUp(resolve))
    await connection.start()
    const broker = await createBrokerTeller({ amqpUrl, managementUrl, clustered })(await greeted)
    const management = createManagement({ url: managementUrl, amqpUrl })
    return await work({ db: database.db, connection, management, broker })
  } finally {
    await connection.stop()
    await database.stop()
  }
}

const plan = async (servers, settings, { partitions }) => {
  const { topologyFor } = await import('@journey/contracts')
  const { planTopology } = await import('@journey/messaging')
  const { partitionsOf } = await import('@journey/read-model')
  const now = await partitionsOf(servers.db, settings.queues)
  const table = topologyFor(servers.broker, { projectorQueues: partitions ?? now.count })
  return { broker: servers.broker, partitions: now, differences: await planTopology(servers.management, table) }
}

const apply = async ({ db, connection, management, broker }, settings, { partitions, note }) => {
  const { projectorQueueNumber, topologyFor } = await import('@journey/contracts')
  const { applyTopology } = await import('@journey/messaging')
  const { alone, letGoOfQueues, partitionsOf, sharePartitions } = await import('@journey/read-model')
  const tableOf = (count) => topologyFor(broker, { projectorQueues: count })
  const make = (count) =>
    applyTopology({ connection, management, table: tableOf(count), letGo: () => letGoOfQueues(db), note })
  return alone(db, 'topology', async () => {
    const { count } = await partitionsOf(db, settings.queues)
    let differences = await make(count)
    if (partitions !== undefined && partitions !== count) {
      const { exchanges, queues } = tableOf(partitions)
      const own = queues.filter(({ name }) => projectorQueueNumber(name.replace(/\.dlq$/, '')) !== undefined)
      await sharePartitions(db, settings.queues, partitions, () => connection.declare({ exchanges, queues: own }))
      note(`the buckets are shared out over ${partitions} queues, before it were ${count}`)
      differences = await make(partitions)
    }
    return { broker, partitions: await partitionsOf(db, settings.queues), differences }
  })
}

const show = ({ broker, partitions, differences }) => {
  const lines = [
    `RabbitMQ ${broker.version}, ${broker.clustered ? 'a cluster' : 'one node'}; ${partitions.count} partitions`,
  ]
  if (partitions.queues > partitions.count) lines[0] += `, read from ${partitions.queues} queues`
  if (differences.length === 0) lines.push('Everything is as the table says.')
  else {
    const rows = differences.map(({ kind, thing, name, part, is, should, remedy }) =>
      [kind, thing, name, part, is, should, remedy].map((cell) => cell ?? ''),
    )
    const all = [['', 'what', 'name', 'part', 'is', 'should be', 'apply'], ...rows]
    const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)))
    lines.push(
      ...all.map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column]))
          .join('  ')
          .trimEnd(),
      ),
    )
  }
  console.log(lines.join('\n'))
}

const main = async () => {
  const { command, partitions, format } = options()
  if (command === 'help') return console.log(help)
  if (!existsSync(join(root, 'packages/messaging/dist/index.js')))
    throw new Trouble('Nothing is built yet: run `npm run build` first.')
  const settings = await settingsOf()
  const steps = []
  const note = (step) => {
    steps.push(step)
    if (format === 'table') console.log(step)
  }
  const answer = await withServers(settings, (servers) =>
    command === 'plan' ? plan(servers, settings, { partitions }) : apply(servers, settings, { partitions, note }),
  )
  if (format === 'json') console.log(JSON.stringify(command === 'plan' ? answer : { ...answer, steps }, null, 2))
  else show(answer)
  process.exitCode = answer.differences.length > 0 ? 1 : 0
}

main().catch((error) => {
  console.error(error instanceof Trouble || error?.family ? error.message : error)
  process.exitCode = error.exitCode ?? (error?.family === 'unavailable' ? 3 : 1)
})
