import { messageOf, readSettings, runUntilSignal } from '@journey/runtime'
import { build } from './container.js'
import { ApiSettings } from './settings.js'

// Node 20 is what we run on; the warning would be the one line of the log that is no JSON.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

try {
  const { service, log } = build(readSettings(ApiSettings, process.env), process.env)
  await runUntilSignal(service, log)
} catch (error) {
  process.stderr.write(`api cannot start: ${messageOf(error)}\n`)
  process.exit(1)
}
