import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPorts, type Ports } from '../state/ports.js'
import { removeState } from '../state/remove.js'

/** A fresh state folder that the servers' accounts can get to, with its ports; `remove()` stops what still runs from it. */
export const testStateFolder = (): { stateDir: string; ports: Ports; remove: () => Promise<void> } => {
  const stateDir = mkdtempSync(join(tmpdir(), 'journey-state-'))
  chmodSync(stateDir, 0o711)
  return { stateDir, ports: createPorts(stateDir), remove: () => removeState(stateDir) }
}
