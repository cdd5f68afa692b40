// node migrations/dist/main.js up      brings the database to the newest version
// node migrations/dist/main.js status  lists the migrations and when each was run
import { messageOf, readSettings, ServerSettings } from '@journey/runtime'
import { migrate, migrationStatus } from './migrate.js'

const commands: Record<string, (databaseUrl: string) => Promise<string[]>> = {
  up: async (databaseUrl) => {
    const names = await migrate(databaseUrl)
    return names.length > 0 ? names.map((name) => `ran ${name}`) : ['nothing to do']
  },
  status: async (databaseUrl) =>
    (await migrationStatus(databaseUrl)).map(
      ({ name, executedAt }) => `${executedAt ?? 'pending'.padEnd(24)}  ${name}`,
    ),
}

const [name = ''] = process.argv.slice(2)
const command = Object.hasOwn(commands, name) ? commands[name] : undefined
if (!command) {
  console.error('usage: migrations up|status')
  process.exitCode = 2
} else {
  try {
    const { databaseUrl } = readSettings(ServerSettings, process.env)
    for (const line of await command(databaseUrl)) console.log(line)
  } catch (error) {
    console.error(`The migrations failed: ${messageOf(error)}`)
    process.exitCode = 1
  }
}
