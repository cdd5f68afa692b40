import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { unavailable, type Environment } from '@journey/runtime'

/**
 * Brings the database to the newest version; repeated, it does nothing.
 *
 * @throws unavailable `embedded/migrations_failed` with what the program said
 */
export const migrate = async (root: string, env: Environment): Promise<string> => {
  const main = join(root, 'migrations/dist/main.js')
  if (!existsSync(main)) throw unavailable('embedded/not_built', `${main} is missing: run npm run build`)
  const lines = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, [main, 'up'], { cwd: root, env }, (error, stdout, stderr) => {
      if (error) reject(unavailable('embedded/migrations_failed', (stdout + stderr).trim() || error.message, error))
      else resolve(stdout.trim())
    })
  })
  const ran = lines.split('\n').filter((line) => line.startsWith('ran ')).length
  return ran > 0 ? `${ran} run` : 'nothing to do'
}
