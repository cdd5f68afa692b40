import { existsSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { Fault } from '@journey/runtime'
import { stopLeftovers } from '../supervisor/leftovers.js'
import { removeHome, serversOf } from './home.js'
import { holdsPorts } from './ports.js'
import { holderOf } from './lock.js'

/**
 * Removes a state folder with everything its servers stored, after stopping what an earlier start left running.
 *
 * @throws conflict `embedded/state_in_use` while another process runs from it; refused `embedded/not_a_state_folder`
 */
export const removeState = async (stateDir: string): Promise<void> => {
  if (!existsSync(stateDir)) return
  const holder = holderOf(stateDir)
  if (holder && holder.pid !== process.pid)
    throw new Fault('conflict', 'embedded/state_in_use', `Process ${holder.pid} runs from ${stateDir}: stop it first.`)
  if (!holdsPorts(stateDir))
    throw new Fault(
      'refused',
      'embedded/not_a_state_folder',
      `${resolve(stateDir)} was not made by this program (it has no ports.json) and is left as it is.`,
    )
  await stopLeftovers(stateDir)
  for (const server of serversOf(stateDir)) removeHome(stateDir, server)
  rmSync(stateDir, { recursive: true, force: true })
}
