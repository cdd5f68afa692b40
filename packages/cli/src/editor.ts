import { messageOf } from '@journey/runtime'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Environment } from './address.js'
import { failed, wrongUsage } from './exit.js'

/**
 * Lets the person edit a text in their editor (`VISUAL`, `EDITOR`, else vi); undefined when they left it as it was.
 *
 * @throws Stop when the editor cannot be run, or ended with an error
 */
export const editText = (text: string, env: Environment): string | undefined => {
  const editor = env.VISUAL ?? env.EDITOR ?? 'vi'
  const folder = mkdtempSync(join(tmpdir(), 'journey-cli-'))
  const file = join(folder, 'command.json')
  try {
    writeFileSync(file, `${text}\n`, { mode: 0o600 })
    // By a shell, because an editor may be given with arguments: EDITOR="code --wait".
    const { error, status } = spawnSync('sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' })
    if (error || status !== 0) throw failed(`${editor} did not end well: ${error?.message ?? `exit code ${status}`}`)
    const edited = readFileSync(file, 'utf8').trimEnd()
    return edited === text ? undefined : edited
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const textIn = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw wrongUsage(`${file} cannot be read: ${messageOf(error)}`)
  }
}
