import { messageOf, readSettings, runUntilSignal } from '@journey/runtime'
import { build } from './container.js'
import { Settings } from './settings.js'

try {
  const settings = readSettings(Settings, process.env)
  if (settings.agents === 'off') process.stdout.write('JOURNEY_AGENTS is off: agents from outside do the tasks\n')
  else {
    const { service, log } = build(settings)
    await runUntilSignal(service, log)
  }
} catch (error) {
  process.stderr.write(`agents cannot start: ${messageOf(error)}\n`)
  process.exit(1)
}
