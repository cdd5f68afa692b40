import { messageOf, readSettings, runUntilSignal } from '@journey/runtime'
import { build } from './container.js'
import { ApiSettings } from './settings.js'

try {
  const { service, log } = build(readSettings(ApiSettings, process.env), process.env)
  await runUntilSignal(service, log)
} catch (error) {
  process.stderr.write(`api cannot start: ${messageOf(error)}\n`)
  process.exit(1)
}
