import { messageOf, readSettings, runUntilSignal } from '@journey/runtime'
import { build } from './container.js'
import { Settings } from './settings.js'

try {
  const { service, log } = build(readSettings(Settings, process.env))
  await runUntilSignal(service, log)
} catch (error) {
  process.stderr.write(`projector cannot start: ${messageOf(error)}\n`)
  process.exit(1)
}
